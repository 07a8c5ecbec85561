import { Inbox, Pause, Play } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Queue } from '../api/fleet';
import { useMay } from '../api/session';
import { duration, number } from '../i18n/format';
import { Button } from '../ui/button';
import { Empty } from '../ui/empty';
import { type Column, Table } from '../ui/table';
import { Time } from '../ui/time';
import { useFleetActs } from './acts';

function State({ queue: q }: { queue: Queue }) {
  const { t } = useTranslation('fleet');
  if (!q.paused)
    return <span className={q.runners ? 'badge good' : 'badge warn'}>{t(q.runners ? 'queue.open' : 'queue.unserved')}</span>;
  return (
    <>
      <span className="badge warn">{t('queue.paused')}</span>
      {q.changed_by && <small className="muted below">{t('queue.by', { who: q.changed_by })} <Time at={q.changed_at} relative /></small>}
    </>
  );
}

function useColumns(): Column<Queue>[] {
  const { t } = useTranslation('fleet');
  const may = useMay('operator');
  const { busy, pause, resume } = useFleetActs();
  const counted = (key: string, value: (q: Queue) => number): Column<Queue> => ({
    key, header: t(`queue.${key}`), label: t(`queue.${key}`), className: 'end', cell: (q) => number(value(q)),
  });
  const columns: Column<Queue>[] = [
    { key: 'name', header: t('queue.name'), className: 'main-cell', cell: (q) => q.name },
    { key: 'state', header: t('queue.state'), label: t('queue.state'), cell: (q) => <div><State queue={q} /></div> },
    counted('waiting', (q) => q.backlog + q.ready),
    {
      key: 'oldest',
      header: t('queue.oldest'),
      label: t('queue.oldest'),
      className: 'end',
      cell: (q) => (q.oldest_wave_age_seconds ? duration(q.oldest_wave_age_seconds * 1000) : <span className="muted">–</span>),
    },
    counted('inFlight', (q) => q.in_flight),
    counted('waves', (q) => q.waves),
    {
      key: 'served',
      header: t('queue.served'),
      label: t('queue.served'),
      className: 'end',
      cell: (q) => t('queue.slots', { count: q.runners, n: number(q.runners), workers: number(q.workers) }),
    },
  ];
  if (may)
    columns.push({
      key: 'acts',
      header: <span className="visually-hidden">{t('acts')}</span>,
      className: 'end',
      cell: (q) => q.paused
        ? <Button look="primary" icon={Play} aria-label={t('resumeNamed', { name: q.name })} disabled={busy} onClick={() => void resume(q)}>{t('resume')}</Button>
        : <Button icon={Pause} aria-label={t('pauseNamed', { name: q.name })} disabled={busy} onClick={() => void pause(q)}>{t('pause')}</Button>,
    });
  return columns;
}

interface Props {
  rows: Queue[] | undefined;
  error: unknown;
  retry: () => void;
}

export function Queues({ rows, error, retry }: Props) {
  const { t } = useTranslation('fleet');
  return (
    <section className="fleet-part" aria-labelledby="queues">
      <h2 id="queues">{t('queues')}</h2>
      <Table
        caption={t('queues')}
        columns={useColumns()}
        rows={rows}
        rowKey={(q) => q.name}
        stacked={1279}
        error={error}
        retry={retry}
        empty={<Empty icon={Inbox} title={t('queue.empty')}>{t('queue.emptyText')}</Empty>}
      />
    </section>
  );
}
