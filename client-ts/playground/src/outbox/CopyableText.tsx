import { useRef, useState } from "react";

/** A command or a statement with a button to copy it. */
export function CopyableText({ text }: { text: string }) {
  const [copied, setCopied] = useState<string | null>(null);
  const place = useRef<HTMLPreElement>(null);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(text);
    } catch {
      // Pages that are not served over TLS or from localhost have no clipboard. The text is selected, to be copied by hand.
      getSelection()?.selectAllChildren(place.current!);
    }
  };

  return (
    <div className="copyable">
      <pre ref={place}>{text}</pre>
      <button type="button" onClick={() => void copy()}>
        {copied === text ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
