// Keys: "g" and a letter go to a page, "/" into the search, "n" to the page's new thing, "?" to the list.
// None works while something is being typed or a dialog is open.
import { useEffect, useRef } from 'react';
import { useNavigate } from 'react-router-dom';
import { places } from './places';

const SEQUENCE_MS = 1200;

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function useShortcuts(help: () => void) {
  const navigate = useNavigate();
  const begun = useRef(-Infinity);
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || document.querySelector('dialog[open]')) return;
      const key = e.key.toLowerCase();
      if (e.timeStamp - begun.current < SEQUENCE_MS) {
        begun.current = -Infinity;
        const place = places.find((p) => p.letter === key);
        if (place) navigate(place.to);
        return;
      }
      if (key === 'g') {
        begun.current = e.timeStamp;
      } else if (e.key === '?') {
        help();
      } else {
        const target = document.querySelector<HTMLElement>(`[data-shortcut="${CSS.escape(key)}"]`);
        if (!target) return;
        e.preventDefault();
        if (typing(target)) target.focus();
        else target.click();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [navigate, help]);
}
