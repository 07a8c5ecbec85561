// Dead letters: what failed for good, until it is restarted or discarded, alone or together.
import { RotateCcw, Smile, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { type DeadFilter, type DeadLetter, type DealVerb, narrows, useDead, wishOf } from '../api/dead';
import { useMay } from '../api/session';
import { type Deals, useDeals } from '../dead/deals';
import { Filters, sinceOf } from '../dead/filters';
import { number } from '../i18n/format';
import { Page } from '../layout/page';
import { toggled } from '../lib/toggled';
import { useParam } from '../lib/url';
import '../style/dead.css';
import '../style/forms.css';
import { Button } from '../ui/button';
import { Empty, NothingFits } from '../ui/empty';
import { type Column, pagedProps, rowsOf, Table } from '../ui/table';
import { Time } from '../ui/time';

const verbs = [['restart', RotateCcw], ['discard', Trash2]] as const;

interface Chosen {
  refs: ReadonlySet<string>;
  set: (refs: ReadonlySet<string>) => void;
}

function RowCheck({ label, on, onChange }: { label: string; on: boolean; onChange: (on: boolean) => void }) {
  return <input type="checkbox" className="row-check" aria-label={label} checked={on} onChange={(e) => onChange(e.target.checked)} />;
}

function useColumns(rows: DeadLetter[], chosen: Chosen | null, deals: Deals, discarded: boolean): Column<DeadLetter>[] {
  const { t } = useTranslation('dead');
  const labelled = (key: string) => ({ key, header: t(`column.${key}`), label: t(`column.${key}`) });
  const columns: Column<DeadLetter>[] = [
    {
      key: 'name',
      header: t('column.name'),
      className: 'main-cell',
      cell: (d) => (
        <>
          <Link to={`/migrations/${d.ref}`}>{d.mb_project_uuid}</Link>
          {d.error && <small className="cell-error">{d.error}</small>}
        </>
      ),
    },
    { ...labelled('class'), cell: (d) => <span className="badge bad">{t(`class.${d.class ?? 'none'}`)}</span> },
    { ...labelled('wave'), className: 'wave-cell', cell: (d) => <Link to={`/wave/${d.wave_id}`}>{d.wave_name}</Link> },
    { ...labelled('attempts'), className: 'end', cell: (d) => number(d.attempts) },
    { ...labelled('at'), cell: (d) => <Time at={d.at} /> },
  ];
  if (discarded)
    columns.push({ ...labelled('discarded'), cell: (d) => <span>{d.discarded_by} <Time at={d.discarded_at} /></span> });
  if (!chosen) return columns;
  const all = rows.length > 0 && rows.every((d) => chosen.refs.has(d.ref));
  columns.unshift({
    key: 'check',
    header: <RowCheck label={t('chooseAll')} on={all} onChange={(on) => chosen.set(new Set(on ? rows.map((d) => d.ref) : []))} />,
    className: 'check-cell',
    cell: (d) => (
      <RowCheck
        label={t('choose', { name: d.mb_project_uuid })}
        on={chosen.refs.has(d.ref)}
        onChange={(on) => chosen.set(toggled(chosen.refs, d.ref, on))}
      />
    ),
  });
  columns.push({
    key: 'acts',
    header: <span className="visually-hidden">{t('column.acts')}</span>,
    className: 'end',
    cell: (d) => (
      <div className="row-acts">
        {verbs.filter(([verb]) => !(discarded && verb === 'discard')).map(([verb, icon]) => (
          <Button
            key={verb}
            look="quiet"
            icon={icon}
            label={t(`${verb}Named`, { name: d.mb_project_uuid })}
            disabled={deals.busy}
            onClick={() => void deals.one(verb, d)}
          />
        ))}
      </div>
    ),
  });
  return columns;
}

function ChosenBar({ chosen, discarded, run, busy }: { chosen: Chosen; discarded: boolean; run: (verb: DealVerb) => void; busy: boolean }) {
  const { t } = useTranslation('dead');
  const n = chosen.refs.size;
  return (
    <div className="chosen-bar" role="status">
      {t('chosen', { count: n, n: number(n) })}
      <div className="actions">
        <Button look="primary" icon={RotateCcw} disabled={busy} onClick={() => run('restart')}>{t('restartChosen')}</Button>
        {!discarded && <Button icon={Trash2} disabled={busy} onClick={() => run('discard')}>{t('discardChosen')}</Button>}
        <Button look="quiet" onClick={() => chosen.set(new Set())}>{t('chooseNone')}</Button>
      </div>
    </div>
  );
}

function Nothing({ filtered, discarded, clear }: { filtered: boolean; discarded: boolean; clear: () => void }) {
  const { t } = useTranslation('dead');
  if (filtered) return <NothingFits title={t('none.title')} text={t('none.text')} action={t('none.action')} clear={clear} />;
  return (
    <Empty icon={Smile} title={t(discarded ? 'empty.discarded' : 'empty.title')}>
      {t(discarded ? 'empty.discardedText' : 'empty.text')}
    </Empty>
  );
}

export default function Dead() {
  const { t } = useTranslation('dead');
  const [text, setText] = useParam('q');
  const [kind, setKind] = useParam('class');
  const [wave, setWave] = useParam('wave');
  const [span, setSpan] = useParam('since');
  const [show, setShow] = useParam('show');
  const [refs, setRefs] = useState<ReadonlySet<string>>(new Set());
  const may = useMay('operator');
  const discarded = show === 'discarded';
  const filter: DeadFilter = { wave, class: kind, text: text.trim(), since: sinceOf(span) };
  useEffect(() => setRefs(new Set()), [text, kind, wave, span, show]); // nothing is chosen that is not seen
  const list = useDead(filter, discarded);
  const deals = useDeals(() => setRefs(new Set()));
  const rows = rowsOf(list);
  const chosen = may ? { refs, set: setRefs } : null;
  const columns = useColumns(rows ?? [], chosen, deals, discarded);
  const clear = () => [setText, setKind, setWave, setSpan].forEach((set) => set(''));
  return (
    <Page
      title={t('title')}
      actions={may && !discarded && !!rows?.length && verbs.map(([verb, icon]) => (
        <Button key={verb} icon={icon} disabled={deals.busy} onClick={() => void deals.many(verb, wishOf(filter), narrows(filter))}>
          {t(`${verb}${narrows(filter) ? 'Matching' : 'All'}`)}
        </Button>
      ))}
    >
      <Filters text={[text, setText]} kind={[kind, setKind]} wave={[wave, setWave]} span={[span, setSpan]} show={[show, setShow]} />
      {chosen && refs.size > 0 && (
        <ChosenBar chosen={chosen} discarded={discarded} busy={deals.busy} run={(verb) => void deals.many(verb, { ids: [...refs] }, true)} />
      )}
      <Table
        caption={t('title')}
        columns={columns}
        rows={rows}
        rowKey={(d) => d.ref}
        stacked={1160}
        empty={<Nothing filtered={narrows(filter)} discarded={discarded} clear={clear} />}
        {...pagedProps(list)}
      />
    </Page>
  );
}
