import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { MigrationDetails } from '../api/migrations';
import { duration, number } from '../i18n/format';
import { FactList } from '../ui/fact-list';
import { Outside } from '../ui/outside';
import { Time } from '../ui/time';

const took = (m: MigrationDetails) =>
  m.started_at && m.completed_at ? duration(Date.parse(m.completed_at) - Date.parse(m.started_at)) : null;

export function Facts({ m }: { m: MigrationDetails }) {
  const { t } = useTranslation('migration');
  return (
    <section className="card" aria-label={t('fact.title')}>
      <div className="card-head"><h2>{t('fact.title')}</h2></div>
      <div className="card-body">
        <FactList
          facts={[
            [t('fact.wave'), <Link key="wave" to={`/wave/${m.wave.id}`}>{m.wave.name}</Link>],
            [t('fact.target'), m.brz_project_id ?? '–'],
            [t('fact.id'), <code key="id">{m.ref}</code>],
            [t('fact.kind'), <code key="kind">{m.kind}</code>],
            [t('fact.attempts'), number(m.attempts)],
            [t('fact.started'), <Time key="started" at={m.started_at} />],
            m.due_at !== null && [t('fact.due'), <Time key="due" at={m.due_at} />],
            [t('fact.ended'), <Time key="ended" at={m.completed_at} />],
            took(m) !== null && [t('fact.took'), took(m)],
            m.mb_site_id !== null && m.kind === 'remote' && [t('fact.site'), m.mb_site_id],
            m.wave.workspace_id !== null && [t('fact.workspace'), m.wave.workspace_name ?? m.wave.workspace_id],
            m.mb_project_domain !== null && [t('fact.from'), <Outside key="from" domain={m.mb_project_domain} />, true],
            m.brizy_project_domain !== null && [t('fact.domain'), <Outside key="domain" domain={m.brizy_project_domain} />, true],
          ]}
        />
      </div>
    </section>
  );
}
