// Each worker as a card: its slots as a row of squares, and what runs in them as a list.
import { LogOut, Server } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { Run, Worker } from '../api/fleet';
import { useMay } from '../api/session';
import { number } from '../i18n/format';
import { Advancing } from '../migrations/process';
import { Button } from '../ui/button';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';
import { Since } from '../ui/since';
import { Time } from '../ui/time';
import { useFleetActs } from './acts';

const SQUARES_MAX = 128;

function Slots({ worker: w }: { worker: Worker }) {
  const { t } = useTranslation('fleet');
  const busy = Math.min(w.running, w.concurrency);
  const ahead = w.running - busy;
  return (
    <div className="slots">
      {w.concurrency <= SQUARES_MAX && (
        <div className="slot-squares" aria-hidden>
          {Array.from({ length: w.concurrency }, (_, i) => <i key={i} className={i < busy ? 'busy' : ''} />)}
        </div>
      )}
      <span className="muted">
        {t('worker.busy', { n: number(busy), slots: number(w.concurrency) })}
        {ahead > 0 && ` · ${t('worker.ahead', { count: ahead, n: number(ahead) })}`}
      </span>
    </div>
  );
}

function RunRow({ run }: { run: Run }) {
  const { t } = useTranslation('fleet');
  return (
    <li>
      <Link to={`/migrations/${run.ref}`} className="run-name">{run.mb_project_uuid}</Link>
      {run.ending && <span className="badge warn">{t('worker.ending')}</span>}
      <Advancing advance={run.progress} label={t('worker.progress', { name: run.mb_project_uuid })} />
      <span className="muted run-since">
        {run.attempt > 1 && `${t('common:attempt.number', { n: run.attempt })} · `}
        <Since at={run.started_at} />
      </span>
    </li>
  );
}

function Runs({ worker: w }: { worker: Worker }) {
  const { t } = useTranslation('fleet');
  const shown = w.runs.slice(0, w.concurrency);
  const more = Math.min(w.running, w.concurrency) - shown.length;
  if (!shown.length) return <p className="muted idle">{t(w.draining ? 'worker.leaving' : 'worker.idle')}</p>;
  return (
    <ul className="runs">
      {shown.map((run) => <RunRow key={run.ref} run={run} />)}
      {more > 0 && <li className="muted">{t('common:more', { count: more })}</li>}
    </ul>
  );
}

function Card({ worker: w, acts: { busy, drain } }: { worker: Worker; acts: ReturnType<typeof useFleetActs> }) {
  const { t } = useTranslation('fleet');
  const may = useMay('operator');
  const draining = w.draining || w.drain_asked_by !== null;
  return (
    <article className="card worker" aria-labelledby={`worker-${w.id}`}>
      <header className="card-head">
        <div>
          <h3 id={`worker-${w.id}`}>
            {t('worker.title', { id: w.id })} {draining && <span className="badge warn">{t('worker.draining')}</span>}
          </h3>
          <p className="muted">
            {w.host} · {t('worker.pid', { pid: w.pid })} · {w.version} · {t('worker.up')} <Time at={w.started_at} relative />
          </p>
          <p className="muted">{t('worker.serves', { queues: w.queues.join(', ') })}</p>
        </div>
        {may && !draining && (
          <Button icon={LogOut} aria-label={t('drainNamed', { id: w.id })} disabled={busy} onClick={() => void drain(w)}>{t('drain')}</Button>
        )}
      </header>
      <div className="card-body panel">
        <Slots worker={w} />
        <Runs worker={w} />
      </div>
    </article>
  );
}

interface Props {
  rows: Worker[] | undefined;
  error: unknown;
  retry: () => void;
}

export function Workers({ rows, error, retry }: Props) {
  const { t } = useTranslation('fleet');
  const acts = useFleetActs();
  return (
    <section className="fleet-part" aria-labelledby="workers">
      <h2 id="workers">{t('workers')}</h2>
      <Problem error={error} retry={retry} />
      {!rows && !error && <div className="card card-body"><div className="skeleton" /></div>}
      {rows?.length === 0 && (
        <div className="card">
          <Empty icon={Server} title={t('worker.empty')}>
            {t('worker.emptyText')} <code>wavefleet-worker --concurrency 10</code>
          </Empty>
        </div>
      )}
      <div className="workers">{rows?.map((w) => <Card key={w.id} worker={w} acts={acts} />)}</div>
    </section>
  );
}
