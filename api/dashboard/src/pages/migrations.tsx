// The migrations of all waves, newest first, with filters in the address; and one that runs by itself.
import { ListChecks, Play } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { type MigrationRow, useMigrations } from '../api/migrations';
import { useMay } from '../api/session';
import { number } from '../i18n/format';
import { Page } from '../layout/page';
import { useParam } from '../lib/url';
import '../style/forms.css';
import { Button } from '../ui/button';
import { Empty, NothingFits } from '../ui/empty';
import { Choices } from '../ui/field';
import { Outside } from '../ui/outside';
import { Search } from '../ui/search';
import { Status } from '../ui/status';
import { type Column, pagedProps, rowsOf, Table } from '../ui/table';
import { Time } from '../ui/time';

const RunOne = lazy(() => import('../migrations/run-one'));

const statuses = ['', 'pending', 'in_progress', 'completed', 'error', 'cancelled'] as const;

function useColumns(): Column<MigrationRow>[] {
  const { t } = useTranslation('migrations');
  const labelled = (key: string) => ({ key, header: t(`column.${key}`), label: t(`column.${key}`) });
  return [
    {
      key: 'name',
      header: t('column.name'),
      className: 'main-cell',
      cell: (m) => (
        <>
          <Link to={`/migrations/${m.ref}`}>{m.mb_project_uuid}</Link>
          {m.error && <small className="cell-error">{m.error}</small>}
        </>
      ),
    },
    { ...labelled('target'), cell: (m) => m.brz_project_id },
    { ...labelled('status'), cell: (m) => <Status state={m.state} /> },
    { ...labelled('domain'), className: 'domain-cell', cell: (m) => m.brizy_project_domain && <Outside domain={m.brizy_project_domain} /> },
    { ...labelled('wave'), className: 'wave-cell', cell: (m) => <Link to={`/wave/${m.wave_id}`}>{m.wave_name}</Link> },
    { ...labelled('attempts'), className: 'end', cell: (m) => number(m.attempts) },
    { ...labelled('updated'), cell: (m) => <Time at={m.updated_at} /> },
  ];
}

function Nothing({ filtered, clear, run }: { filtered: boolean; clear: () => void; run?: () => void }) {
  const { t } = useTranslation('migrations');
  if (filtered) return <NothingFits title={t('none.title')} text={t('none.text')} action={t('none.action')} clear={clear} />;
  return (
    <Empty icon={ListChecks} title={t('empty.title')} action={run && <Button look="primary" icon={Play} onClick={run}>{t('run')}</Button>}>
      {t(run ? 'empty.text' : 'empty.viewer')}
    </Empty>
  );
}

export default function Migrations() {
  const { t } = useTranslation('migrations');
  const [status, setStatus] = useParam('status');
  const [project, setProject] = useParam('q');
  const [target, setTarget] = useParam('target');
  const [dialog, setDialog] = useParam('new');
  const may = useMay('operator');
  const list = useMigrations({ status, project: project.trim(), target });
  const run = () => setDialog('run');
  const clear = () => {
    setStatus('');
    setProject('');
    setTarget('');
  };
  return (
    <Page
      title={t('title')}
      actions={may && <Button look="primary" icon={Play} data-shortcut="n" onClick={run}>{t('run')}</Button>}
    >
      <div className="toolbar">
        <Search label={t('search')} value={project} onChange={setProject} />
        <Search label={t('target')} value={target} onChange={(text) => setTarget(text.replace(/\D/g, ''))} />
        <Choices
          label={t('filter')}
          value={status}
          onChange={setStatus}
          choices={statuses.map((s) => ({ value: s as string, label: s ? t(`common:state.${s}`) : t('common:all') }))}
        />
      </div>
      <Table
        caption={t('title')}
        columns={useColumns()}
        rows={rowsOf(list)}
        rowKey={(m) => m.ref}
        stacked={1279}
        empty={<Nothing filtered={status + project + target !== ''} clear={clear} run={may ? run : undefined} />}
        {...pagedProps(list)}
      />
      {dialog === 'run' && may && (
        <Suspense>
          <RunOne onClose={() => setDialog('')} />
        </Suspense>
      )}
    </Page>
  );
}
