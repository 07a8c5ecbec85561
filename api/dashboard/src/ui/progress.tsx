import { useTranslation } from 'react-i18next';
import type { Progress as Counts } from '../api/types';
import { number, percent } from '../i18n/format';

const share = (n: number, total: number) => ({ width: `${total ? (n / total) * 100 : 0}%` });

interface BarProps {
  counts: Counts;
  large?: boolean;
  label: string;
}

export function ProgressBar({ counts, large, label }: BarProps) {
  const { total, completed, failed, cancelled = 0, running = 0, parked = 0 } = counts;
  return (
    <div
      className={large ? 'progress-bar large' : 'progress-bar'}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={completed + failed + cancelled}
    >
      <i className="completed" style={share(completed, total)} />
      <i className="failed" style={share(failed, total)} />
      <i className="cancelled" style={share(cancelled, total)} />
      <i className="running" style={share(running + parked, total)} />
    </div>
  );
}

/** The bar with its numbers, for a table. */
export function Progress({ counts, label }: { counts: Counts; label: string }) {
  const { t } = useTranslation();
  const { total, completed, failed, cancelled = 0 } = counts;
  return (
    <div className="progress">
      <ProgressBar counts={counts} label={label} />
      <div className="progress-text">
        <b>{number(completed)}</b>
        {failed > 0 && <span className="failed"> + {t('progress.failed', { count: failed, n: number(failed) })}</span>}
        {` / ${number(total)} · ${percent(completed + failed + cancelled, total)}`}
      </div>
    </div>
  );
}
