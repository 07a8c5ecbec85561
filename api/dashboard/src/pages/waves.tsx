// The list of waves: filters in the address, search by name and workspace, and what can be done with each.
import { Layers, Pause, Play, Plus, Square } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { useMay } from '../api/session';
import type { Wave } from '../api/types';
import { counts, useWaves } from '../api/waves';
import { useParam } from '../lib/url';
import { Page } from '../layout/page';
import { Button } from '../ui/button';
import { Choices } from '../ui/field';
import { Empty, NothingFits } from '../ui/empty';
import { Progress } from '../ui/progress';
import { Search } from '../ui/search';
import { Status } from '../ui/status';
import { type Column, pagedProps, rowsOf, Table } from '../ui/table';
import { Time } from '../ui/time';
import { canPause, canResume, canStop, useWaveActs } from '../waves/acts';

const NewWave = lazy(() => import('../waves/new-wave'));

const statuses = ['', 'pending', 'in_progress', 'paused', 'completed', 'error', 'stopped'] as const;
const states: Record<string, string> = { pending: 'ready', in_progress: 'running' };

const holds = (text: string | null, part: string) => !!text && text.toLowerCase().includes(part);

function search(waves: Wave[] | undefined, text: string): Wave[] | undefined {
  const part = text.trim().toLowerCase();
  if (!part || !waves) return waves;
  return waves.filter((w) => holds(w.name, part) || holds(w.workspace_name, part) || holds(w.id, part));
}

function RowActs({ wave, acts }: { wave: Wave; acts: ReturnType<typeof useWaveActs> }) {
  const { t } = useTranslation('waves');
  const named = (key: string) => t(key, { name: wave.name });
  return (
    <div className="row-acts">
      {canPause(wave) && <Button look="quiet" icon={Pause} label={named('act.pauseNamed')} disabled={acts.busy} onClick={() => void acts.pause(wave)} />}
      {canResume(wave) && <Button look="quiet" icon={Play} label={named('act.resumeNamed')} disabled={acts.busy} onClick={() => void acts.resume(wave)} />}
      {canStop(wave) && <Button look="quiet" icon={Square} label={named('act.stopNamed')} disabled={acts.busy} onClick={() => void acts.stop(wave)} />}
    </div>
  );
}

function useColumns(): Column<Wave>[] {
  const { t } = useTranslation('waves');
  const acts = useWaveActs();
  const may = useMay('operator');
  const columns: Column<Wave>[] = [
    {
      key: 'name',
      header: t('column.name'),
      className: 'main-cell',
      cell: (w) => (
        <>
          <Link to={`/wave/${w.id}`} className="clamped" title={w.name}>{w.name}</Link>
          {w.note && <small className="muted">{w.note}</small>}
        </>
      ),
    },
    { key: 'workspace', header: t('column.workspace'), label: t('column.workspace'), cell: (w) => w.workspace_name ?? w.workspace_id ?? <span className="muted">–</span> },
    { key: 'status', header: t('column.status'), label: t('column.status'), cell: (w) => <Status state={w.state} /> },
    { key: 'progress', header: t('column.progress'), className: 'progress-cell', cell: (w) => <Progress counts={counts(w)} label={t('progressOf', { name: w.name })} /> },
    { key: 'created', header: t('column.created'), label: t('column.created'), cell: (w) => <Time at={w.created_at} /> },
  ];
  if (may) columns.push({ key: 'acts', header: <span className="visually-hidden">{t('column.acts')}</span>, className: 'end', cell: (w) => <RowActs wave={w} acts={acts} /> });
  return columns;
}

function Nothing({ filtered, clear, create }: { filtered: boolean; clear: () => void; create?: () => void }) {
  const { t } = useTranslation('waves');
  if (filtered) return <NothingFits title={t('none.title')} text={t('none.text')} action={t('none.action')} clear={clear} />;
  return (
    <Empty icon={Layers} title={t('empty.title')} action={create && <Button look="primary" icon={Plus} onClick={create}>{t('new')}</Button>}>
      {t(create ? 'empty.text' : 'empty.viewer')}
    </Empty>
  );
}

export default function Waves() {
  const { t } = useTranslation('waves');
  const [status, setStatus] = useParam('status');
  const [text, setText] = useParam('q');
  const [dialog, setDialog] = useParam('new');
  const may = useMay('operator');
  const list = useWaves(status, text.trim() !== '');
  const rows = search(rowsOf(list), text);
  const create = () => setDialog('wave');
  const clear = () => {
    setStatus('');
    setText('');
  };
  return (
    <Page
      title={t('title')}
      actions={may && <Button look="primary" icon={Plus} data-shortcut="n" onClick={create}>{t('new')}</Button>}
    >
      <div className="toolbar">
        <Search label={t('search')} value={text} onChange={setText} />
        <Choices
          label={t('filter')}
          value={status}
          onChange={setStatus}
          choices={statuses.map((s) => ({ value: s as string, label: s ? t(`common:state.${states[s] ?? s}`) : t('common:all') }))}
        />
      </div>
      <Table
        caption={t('title')}
        columns={useColumns()}
        rows={rows}
        rowKey={(w) => w.id}
        stacked={1100}
        empty={<Nothing filtered={status !== '' || text !== ''} clear={clear} create={may ? create : undefined} />}
        {...pagedProps(list)}
      />
      {dialog === 'wave' && may && (
        <Suspense>
          <NewWave onClose={() => setDialog('')} />
        </Suspense>
      )}
    </Page>
  );
}
