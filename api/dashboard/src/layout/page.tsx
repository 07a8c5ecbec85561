import { type ReactNode, useEffect } from 'react';

interface Props {
  title: string;
  /** Shown in place of the title where it is more than text. */
  heading?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, heading, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · wavefleet`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div>{heading ?? <h1>{title}</h1>}</div>
        {actions && <div className="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
