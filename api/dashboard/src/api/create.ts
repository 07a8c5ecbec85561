// Sending a form that creates something. Whoever cannot know whether it arrived sends it again, and nothing is
// created twice: the same body goes under the same key.
import { useRef, useState } from 'react';
import { post } from './client';

/** crypto.randomUUID() is there for https and localhost only. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export function useCreate<T>(path: string, done: (made: T) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const sent = useRef({ text: '', key: '' });
  const create = async (body: unknown) => {
    if (busy) return;
    const text = JSON.stringify(body);
    if (text !== sent.current.text) sent.current = { text, key: newKey() }; // what is mended is another request
    setBusy(true);
    setError(null);
    try {
      done((await post<T>(path, body, sent.current.key)).data);
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return { busy, error, create };
}
