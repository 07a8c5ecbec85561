// The fleet: what waits in each queue, which workers serve it, and what each of their slots does now.
import { useTranslation } from 'react-i18next';
import { type Queue, useQueues, useWorkers, type Worker } from '../api/fleet';
import { Queues } from '../fleet/queues';
import { Workers } from '../fleet/workers';
import { number } from '../i18n/format';
import { Page } from '../layout/page';
import '../style/fleet.css';
import '../style/forms.css';

const sum = <T,>(all: T[] | undefined, of: (one: T) => number) => all?.reduce((total, one) => total + of(one), 0);

function Figure({ name, value, of }: { name: string; value: number | undefined; of?: number }) {
  return (
    <div className="card fleet-figure">
      <dt>{name}</dt>
      <dd>
        {value === undefined ? '–' : number(value)}
        {of !== undefined && <small className="muted"> / {number(of)}</small>}
      </dd>
    </div>
  );
}

function Figures({ queues, workers }: { queues?: Queue[]; workers?: Worker[] }) {
  const { t } = useTranslation('fleet');
  const busy = (w: Worker) => Math.min(w.running, w.concurrency);
  return (
    <dl className="fleet-figures">
      <Figure name={t('figure.waiting')} value={sum(queues, (q) => q.backlog + q.ready)} />
      <Figure name={t('figure.inFlight')} value={sum(queues, (q) => q.in_flight)} />
      <Figure name={t('figure.slots')} value={sum(workers, busy)} of={sum(workers, (w) => w.concurrency)} />
      <Figure name={t('figure.workers')} value={workers?.length} />
    </dl>
  );
}

export default function Fleet() {
  const { t } = useTranslation('fleet');
  const queues = useQueues();
  const workers = useWorkers();
  return (
    <Page title={t('title')}>
      <Figures queues={queues.data} workers={workers.data} />
      <Queues rows={queues.data} error={queues.error} retry={() => void queues.refetch()} />
      <Workers rows={workers.data} error={workers.error} retry={() => void workers.refetch()} />
    </Page>
  );
}
