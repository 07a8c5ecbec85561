import { useEffect, useState } from 'react';
import { ago, dateTime, shortTime } from '../i18n/format';

/** A moment as people say it; the tooltip has it whole. */
export function Time({ at, relative }: { at: string | null | undefined; relative?: boolean }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!relative || !at) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 10_000);
    return () => clearInterval(timer);
  }, [relative, at]);
  if (!at) return <span className="muted">–</span>;
  return (
    <time dateTime={at} title={dateTime(at)}>
      {relative ? ago(at) : shortTime(at)}
    </time>
  );
}
