import { type ReactNode, useId } from 'react';

interface Props {
  label: string;
  hint?: ReactNode;
  wrong?: string | null;
  /** Gets what ties the control to its label, hint and mistake. */
  children: (control: { id: string; 'aria-describedby': string; 'aria-invalid': boolean; className: string }) => ReactNode;
}

export function Field({ label, hint, wrong, children }: Props) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': `${id}-note`, 'aria-invalid': !!wrong, className: 'input' })}
      <div id={`${id}-note`}>
        {wrong ? <span className="wrong">{wrong}</span> : hint && <span className="hint">{hint}</span>}
      </div>
    </div>
  );
}

export function Check({ label, hint, checked, onChange }: {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (on: boolean) => void;
}) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} onChange={(e) => onChange(e.target.checked)} />
      <span>
        {label}
        {hint && <span className="muted"> {hint}</span>}
      </span>
    </label>
  );
}

interface Choice<T> {
  value: T;
  label: string;
  count?: string;
}

/** One of a few, all in sight. */
export function Choices<T extends string>({ label, choices, value, onChange }: {
  label: string;
  choices: Choice<T>[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <div className="choices" role="group" aria-label={label}>
      {choices.map((c) => (
        <button key={c.value} type="button" aria-pressed={c.value === value} onClick={() => onChange(c.value)}>
          {c.label}
          {c.count !== undefined && <span className="count">{c.count}</span>}
        </button>
      ))}
    </div>
  );
}
