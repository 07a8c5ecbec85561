import { useEffect, useState } from 'react';
import { dateTime, duration } from '../i18n/format';

/** How long it has been since then, second by second. */
export function Since({ at }: { at: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((now - Date.parse(at)) / 1000));
  return (
    <time dateTime={at} title={dateTime(at)}>
      {duration(seconds * 1000)}
    </time>
  );
}
