-- Run once on a new embedded server: what the demo's shop has on its shelves.
CREATE TABLE IF NOT EXISTS public.stock (
    sku text PRIMARY KEY,
    name text NOT NULL,
    quantity int NOT NULL CHECK (quantity >= 0)
);
INSERT INTO public.stock (sku, name, quantity)
SELECT sku, name, quantity
FROM (VALUES
    ('MUG-01', 'Enamel mug', 140),
    ('TEA-02', 'Darjeeling, 250 g', 62),
    ('COF-03', 'Espresso beans, 1 kg', 48),
    ('NTB-04', 'Notebook, dotted', 230),
    ('PEN-05', 'Fountain pen', 17),
    ('LMP-06', 'Desk lamp', 9),
    ('BAG-07', 'Canvas bag', 75),
    ('CRD-08', 'Postcard set', 310)
) AS friendly (sku, name, quantity)
WHERE NOT EXISTS (SELECT FROM public.stock);
