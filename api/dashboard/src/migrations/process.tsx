// What is known of the run: from the migration server where that has it, else from the database.
import { RotateCw } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type Advance, type MigrationDetails, useProcess } from '../api/migrations';
import { percent } from '../i18n/format';
import { Button } from '../ui/button';
import { Problem } from '../ui/problem';
import { Time } from '../ui/time';

/** Percent, 0 to 100; null: it was not told. */
export function share(a: Advance | null): number | null {
  if (typeof a?.percent === 'number') return Math.min(100, Math.max(0, a.percent));
  return a?.total ? Math.min(100, ((a.done ?? 0) / a.total) * 100) : null;
}

export function Advancing({ advance, label }: { advance: Advance | null; label: string }) {
  const done = share(advance);
  if (done === null) return null;
  return (
    <div className="advance">
      <div className="progress-bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(done)}>
        <i className="running-now" style={{ width: `${done}%` }} />
      </div>
      <span>{percent(done, 100)}</span>
    </div>
  );
}

export function ProcessPanel({ m }: { m: MigrationDetails }) {
  const { t } = useTranslation('migration');
  const underWay = m.state === 'running' || m.state === 'parked';
  const { data, error, isFetching, refetch } = useProcess(m.ref, underWay);
  const p = data?.process;
  return (
    <section className="card" aria-labelledby="process">
      <div className="card-head">
        <h2 id="process">{t('process.title')}</h2>
        <Button look="quiet" icon={RotateCw} label={t('process.again')} disabled={isFetching} onClick={() => void refetch()} />
      </div>
      <div className="card-body panel">
        <Problem error={error} retry={() => void refetch()} />
        {!data && !error && <div className="skeleton" />}
        {p && (
          <>
            <p><strong>{t(p.running ? `process.${m.state === 'parked' ? 'outside' : 'running'}` : 'process.idle')}</strong></p>
            <Advancing advance={p.progress} label={t('process.title')} />
            <dl className="facts">
              {p.current_stage && <div><dt>{t('process.stage')}</dt><dd>{p.current_stage}</dd></div>}
              {data.server_status && <div><dt>{t('process.server')}</dt><dd>{data.server_status.status}</dd></div>}
              <div><dt>{t('process.updated')}</dt><dd><Time at={p.updated_at} relative /></dd></div>
              <div><dt>{t('process.source')}</dt><dd>{t(`process.${data.source}`)}</dd></div>
            </dl>
            {m.kind === 'remote' && p.message && p.message !== m.error && <p className="muted">{p.message}</p>}
          </>
        )}
      </div>
    </section>
  );
}
