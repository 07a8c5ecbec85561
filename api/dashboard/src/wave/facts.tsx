import { useTranslation } from 'react-i18next';
import type { ReactNode } from 'react';
import { Link } from 'react-router-dom';
import type { WaveDetails } from '../api/types';
import { duration, number } from '../i18n/format';
import { Time } from '../ui/time';

/** Name, value, whether it is long. */
type Fact = [string, ReactNode, boolean?];

function useFacts(w: WaveDetails): Fact[] {
  const { t } = useTranslation('wave');
  const all: (Fact | null | false)[] = [
    [t('fact.kind'), <code key="kind">{w.kind}</code>],
    [t('fact.batchSize'), number(w.batch_size)],
    [t('fact.workspace'), w.workspace_name ?? w.workspace_id ?? '–'],
    [t('fact.queue'), w.priority ? t('fact.queuePriority', { queue: w.queue, priority: w.priority }) : w.queue],
    [t('fact.maxAttempts'), number(w.max_attempts)],
    w.timeout_seconds !== null && [t('fact.timeout'), w.timeout_seconds ? duration(w.timeout_seconds * 1000) : t('fact.noLimit')],
    w.canary !== null && [t('fact.canary'), t(w.canary_pending ? 'fact.canaryPending' : 'fact.canaryDone', { n: number(w.canary) })],
    w.max_failures !== null && [t('fact.maxFailures'), String(w.max_failures)],
    w.mgr_manual && [t('fact.manual'), t('fact.yes')],
    w.enable_cloning && [t('fact.cloning'), t('fact.yes')],
    w.start_at !== null && [t('fact.startAt'), <Time key="start" at={w.start_at} />],
    w.deadline_at !== null && [t('fact.deadlineAt'), <Time key="deadline" at={w.deadline_at} />],
    w.depends_on.length > 0 && [t('fact.dependsOn'), w.depends_on.map((id) => <Link key={id} to={`/wave/${id}`}>{id} </Link>)],
    [t('fact.created'), <Time key="created" at={w.created_at} />],
    w.created_by !== null && [t('fact.createdBy'), w.created_by],
    w.completed_at !== null && [t('fact.ended'), <Time key="ended" at={w.completed_at} />],
    w.run_no > 1 && [t('fact.run'), number(w.run_no)],
    [t('fact.id'), <code key="id">{w.id}</code>, true],
  ];
  return all.filter((f): f is Fact => !!f);
}

export function Facts({ wave }: { wave: WaveDetails }) {
  const { t } = useTranslation('wave');
  const facts = useFacts(wave);
  return (
    <section className="card" aria-label={t('fact.title')}>
      <div className="card-body">
        <dl className="facts">
          {facts.map(([name, value, long]) => (
            <div key={name} className={long ? 'wide' : undefined}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </section>
  );
}
