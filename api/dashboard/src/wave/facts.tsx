import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { WaveDetails } from '../api/types';
import { duration, number } from '../i18n/format';
import { FactList } from '../ui/fact-list';
import { Time } from '../ui/time';

export function Facts({ wave }: { wave: WaveDetails }) {
  const { t } = useTranslation('wave');
  return (
    <section className="card" aria-label={t('fact.title')}>
      <div className="card-body">
        <FactList
          facts={[
            [t('fact.kind'), <code key="kind">{wave.kind}</code>],
            [t('fact.batchSize'), number(wave.batch_size)],
            [t('fact.workspace'), wave.workspace_name ?? wave.workspace_id ?? '–'],
            [t('fact.queue'), wave.priority ? t('fact.queuePriority', { queue: wave.queue, priority: wave.priority }) : wave.queue],
            [t('fact.maxAttempts'), number(wave.max_attempts)],
            wave.timeout_seconds !== null && [t('fact.timeout'), wave.timeout_seconds ? duration(wave.timeout_seconds * 1000) : t('fact.noLimit')],
            wave.canary !== null && [t('fact.canary'), t(wave.canary_pending ? 'fact.canaryPending' : 'fact.canaryDone', { n: number(wave.canary) })],
            wave.max_failures !== null && [t('fact.maxFailures'), String(wave.max_failures)],
            wave.mgr_manual && [t('fact.manual'), t('fact.yes')],
            wave.enable_cloning && [t('fact.cloning'), t('fact.yes')],
            wave.start_at !== null && [t('fact.startAt'), <Time key="start" at={wave.start_at} />],
            wave.deadline_at !== null && [t('fact.deadlineAt'), <Time key="deadline" at={wave.deadline_at} />],
            wave.depends_on.length > 0 && [t('fact.dependsOn'), wave.depends_on.map((id) => <Link key={id} to={`/wave/${id}`}>{id} </Link>)],
            [t('fact.created'), <Time key="created" at={wave.created_at} />],
            wave.created_by !== null && [t('fact.createdBy'), wave.created_by],
            wave.completed_at !== null && [t('fact.ended'), <Time key="ended" at={wave.completed_at} />],
            wave.run_no > 1 && [t('fact.run'), number(wave.run_no)],
            [t('fact.id'), <code key="id">{wave.id}</code>, true],
          ]}
        />
      </div>
    </section>
  );
}
