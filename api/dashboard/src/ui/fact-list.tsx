import type { ReactNode } from 'react';

/** Name, value, whether it may be long. */
type Fact = [string, ReactNode, boolean?];

/** What is false or null among them is left out. */
export function FactList({ facts }: { facts: (Fact | false | null)[] }) {
  return (
    <dl className="facts">
      {facts.filter((f): f is Fact => !!f).map(([name, value, long]) => (
        <div key={name} className={long ? 'wide' : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
