-- Run once on a new embedded server: the rooms of the demo's chat.
CREATE TABLE IF NOT EXISTS public.rooms (
    id int PRIMARY KEY,
    name text NOT NULL
);
INSERT INTO public.rooms (id, name)
SELECT id, name
FROM (VALUES (1, 'Lobby'), (2, 'Engineering'), (3, 'Design'), (4, 'Support'), (5, 'Coffee corner')) AS friendly (id, name)
WHERE NOT EXISTS (SELECT FROM public.rooms);
