import { type LucideIcon, SearchX } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button';

interface Props {
  icon: LucideIcon;
  /** What it means that there is nothing. */
  title: string;
  /** What to do next. */
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ icon: Icon, title, children, action }: Props) {
  return (
    <div className="empty">
      <Icon size={32} aria-hidden />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** There is something, but nothing that fits the filter. */
export function NothingFits({ title, text, action, clear }: { title: string; text: string; action: string; clear: () => void }) {
  return (
    <Empty icon={SearchX} title={title} action={<Button onClick={clear}>{action}</Button>}>
      {text}
    </Empty>
  );
}
