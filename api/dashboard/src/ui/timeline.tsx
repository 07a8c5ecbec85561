// The attempts of a migration, newest first: what came of each, how long it took, where it ran.
import { History } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Attempt } from '../api/types';
import { duration } from '../i18n/format';
import { Empty } from './empty';
import { Time } from './time';

const looks: Record<string, string> = { completed: 'good', failed: 'bad', crashed: 'bad', timed_out: 'bad', lost: 'warn', parked: 'busy', running: 'busy' };

const took = (a: Attempt) =>
  a.started_at && a.finished_at ? duration(Date.parse(a.finished_at) - Date.parse(a.started_at)) : null;

export function Timeline({ attempts }: { attempts: Attempt[] }) {
  const { t } = useTranslation();
  if (!attempts.length)
    return (
      <Empty icon={History} title={t('attempt.empty')}>
        {t('attempt.emptyText')}
      </Empty>
    );
  return (
    <ol className="timeline">
      {[...attempts].sort((a, b) => b.attempt - a.attempt).map((a) => {
        const outcome = a.outcome ?? a.state ?? 'running';
        return (
          <li key={a.attempt} className={looks[outcome] ?? ''}>
            <div className="timeline-head">
              <strong>{t('attempt.number', { n: a.attempt })}</strong>
              <span className={`badge ${looks[outcome] ?? ''}`}>{t(`outcome.${outcome}`, { defaultValue: outcome })}</span>
              {a.class && <code>{a.class}</code>}
            </div>
            {a.error && <p className="timeline-error">{a.error}</p>}
            <p className="muted">
              <Time at={a.started_at} />
              {took(a) && ` · ${t('attempt.took', { time: took(a) })}`}
              {a.worker_id !== null && ` · ${t('attempt.worker', { id: a.worker_id })}`}
              {a.host && ` · ${a.host}`}
            </p>
          </li>
        );
      })}
    </ol>
  );
}
