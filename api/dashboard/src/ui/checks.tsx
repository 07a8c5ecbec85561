// What was looked at, how it is, and how to mend it: what is wrong first.
import { CircleCheck, CircleX, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Finding } from '../api/settings';
import '../style/checks.css';

const icons = { ok: CircleCheck, warn: TriangleAlert, fail: CircleX };
const order = ['fail', 'warn', 'ok'];

export function Checks({ checks, label }: { checks: Finding[]; label: string }) {
  const { t } = useTranslation();
  const sorted = [...checks].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  return (
    <ul className="checks" aria-label={label}>
      {sorted.map((c) => {
        const Icon = icons[c.status];
        return (
          <li key={c.name + c.detail} data-status={c.status}>
            <Icon size={18} aria-hidden />
            <div>
              <span className="visually-hidden">{t(`check.${c.status}`)}: </span>
              <code>{c.name}</code> {c.detail}
              {c.mend && <p className="mend">{c.mend}</p>}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
