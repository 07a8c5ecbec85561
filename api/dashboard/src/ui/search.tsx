import { Search as Icon } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

const PAUSE_MS = 200;

interface Props {
  label: string;
  value: string;
  onChange: (text: string) => void;
}

/** Tells what was typed once the typing pauses. "/" on the page leads here. */
export function Search({ label, value, onChange }: Props) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const tell = useRef(onChange);
  tell.current = onChange; // another with each render: the pause is not to begin anew with it
  useEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (text === told.current) return undefined;
    const timer = setTimeout(() => {
      told.current = text;
      tell.current(text);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div className="search">
      <Icon size={16} aria-hidden />
      <input
        type="search"
        className="input"
        aria-label={label}
        placeholder={label}
        data-shortcut="/"
        value={text}
        onChange={(e) => setText(e.target.value)}
      />
    </div>
  );
}
