// One migration: what it is, how far it runs, what came of each attempt, its log as it is written, and what
// can be done with it.
import { ChevronLeft, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router-dom';
import { useInterest } from '../api/events';
import { isOver, type MigrationDetails, useAttempts, useMigration } from '../api/migrations';
import { useMay } from '../api/session';
import { Page } from '../layout/page';
import { useParam } from '../lib/url';
import { MainActs, Repair, useMigrationActs } from '../migrations/acts';
import { Facts } from '../migrations/facts';
import { ProcessPanel } from '../migrations/process';
import { ServerLog } from '../migrations/server-log';
import { WebhookPanel } from '../migrations/webhook';
import '../style/forms.css';
import '../style/migration.css';
import { JsonView } from '../ui/json-view';
import { LogView } from '../ui/log-view';
import { Problem } from '../ui/problem';
import { Status } from '../ui/status';
import { Tabs } from '../ui/tabs';
import { Timeline } from '../ui/timeline';

const local = ['log', 'attempts', 'result'] as const;
const remote = [...local, 'webhook', 'serverLog'] as const;
type TabKey = (typeof remote)[number];

function Attempts({ m }: { m: MigrationDetails }) {
  const { data, error, refetch } = useAttempts(m.ref);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  return data ? <Timeline attempts={data} /> : <div className="skeleton" />;
}

function Details({ m }: { m: MigrationDetails }) {
  const { t } = useTranslation('migration');
  const [tab, setTab] = useParam('tab', 'log');
  const tabs: readonly TabKey[] = m.kind === 'remote' ? remote : local;
  return (
    <section className="card migration-details" aria-label={t('details')}>
      <Tabs label={t('details')} value={tab as TabKey} onChange={setTab} tabs={tabs.map((key) => ({ key, label: t(`tab.${key}`) }))}>
        {tab === 'log' && <LogView key={m.ref} path={`/api/migrations/${m.ref}/logs`} migration={m.ref} wave={m.wave.id} running={!isOver(m)} />}
        {tab === 'attempts' && <Attempts m={m} />}
        {tab === 'result' && <JsonView value={m.result?.result_json} label={t('tab.result')} />}
        {tab === 'webhook' && <WebhookPanel m={m} />}
        {tab === 'serverLog' && <ServerLog m={m} />}
      </Tabs>
    </section>
  );
}

function Notices({ m }: { m: MigrationDetails }) {
  const { t } = useTranslation('migration');
  return (
    <>
      {m.error && (
        <div className={m.state === 'failed' ? 'problem' : 'notice'}>
          <TriangleAlert size={18} aria-hidden />
          <div>{m.error_class && <><code>{m.error_class}</code> </>}{m.error}</div>
        </div>
      )}
      {m.warnings.length > 0 && (
        <div className="notice">
          <TriangleAlert size={18} aria-hidden />
          <div>
            <strong>{t('warnings')}</strong>
            <ul>{m.warnings.map((w, i) => <li key={i}>{typeof w === 'string' ? w : JSON.stringify(w)}</li>)}</ul>
          </div>
        </div>
      )}
    </>
  );
}

function Loaded({ m, error, retry }: { m: MigrationDetails; error: unknown; retry: () => void }) {
  const { t } = useTranslation('migration');
  const acts = useMigrationActs(m);
  const may = useMay('operator');
  useInterest({ wave: m.wave.id });
  return (
    <Page
      title={m.mb_project_uuid}
      heading={<Heading>{m.mb_project_uuid} <Status state={m.state} /></Heading>}
      actions={may && <MainActs m={m} acts={acts} />}
    >
      <Problem error={error} retry={retry} />
      <Notices m={m} />
      <div className="migration-grid">
        <Facts m={m} />
        <ProcessPanel m={m} />
      </div>
      <Details m={m} />
      {may && <Repair m={m} acts={acts} />}
      <p className="visually-hidden" role="status">{t('now', { state: t(`common:state.${m.state}`) })}</p>
    </Page>
  );
}

function Heading({ children }: { children: ReactNode }) {
  const { t } = useTranslation('migration');
  return (
    <div className="heading">
      <Link to="/migrations" className="back"><ChevronLeft size={15} aria-hidden />{t('back')}</Link>
      <h1>{children}</h1>
    </div>
  );
}

export default function Migration() {
  const { t } = useTranslation('migration');
  const { id = '' } = useParams();
  const { data: m, error, refetch } = useMigration(id);
  const retry = () => void refetch();
  if (m) return <Loaded key={m.ref} m={m} error={error} retry={retry} />;
  return (
    <Page title={t('title')} heading={<Heading>{t('title')}</Heading>}>
      {error ? <Problem error={error} retry={retry} /> : <div className="card card-body"><div className="skeleton" /></div>}
    </Page>
  );
}
