import type { LucideIcon } from 'lucide-react';
import type { ButtonHTMLAttributes } from 'react';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: LucideIcon;
  look?: 'plain' | 'primary' | 'danger' | 'danger primary' | 'quiet';
  /** Only the icon is shown; `label` says what it does. */
  label?: string;
}

export function Button({ icon: Icon, look = 'plain', label, children, className = '', ...rest }: Props) {
  const kind = look === 'plain' ? '' : look;
  return (
    <button
      type="button"
      className={`button ${kind} ${label ? 'icon' : ''} ${className}`.replace(/\s+/g, ' ').trim()}
      aria-label={label}
      title={label}
      {...rest}
    >
      {Icon && <Icon size={16} aria-hidden />}
      {children}
    </button>
  );
}
