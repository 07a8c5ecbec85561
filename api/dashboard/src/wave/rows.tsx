// The migrations of the wave: a table of which only the rows in sight exist, so that a hundred thousand
// scroll as smoothly as ten. A row leads to its drawer; rows that ended can be chosen and restarted.
import { useVirtualizer } from '@tanstack/react-virtual';
import { ListChecks, RotateCcw, SearchX } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isOver } from '../api/migrations';
import { useMay } from '../api/session';
import type { MigrationStatus, WaveDetails, WaveMigration } from '../api/types';
import { type RowFilter, useRows, useStatusCounts } from '../api/wave-rows';
import { number } from '../i18n/format';
import { useMedia } from '../lib/media';
import { toggled } from '../lib/toggled';
import { useParam } from '../lib/url';
import { Button } from '../ui/button';
import { Empty } from '../ui/empty';
import { Choices } from '../ui/field';
import { Outside } from '../ui/outside';
import { Problem } from '../ui/problem';
import { Search } from '../ui/search';
import { Status } from '../ui/status';
import { Time } from '../ui/time';
import type { useWaveActs } from '../waves/acts';

const statuses: (MigrationStatus | '')[] = ['', 'in_progress', 'pending', 'completed', 'error', 'cancelled'];
const states: Record<string, string> = { in_progress: 'running', error: 'failed' };
const ROW_PX = 42;
const ROW_NARROW_PX = 68;
/** Browsers place nothing below 33,554,432 px. */
const HEIGHT_MAX_PX = 32_000_000;

interface RowProps {
  m: WaveMigration;
  index: number;
  chosen: boolean | null; // null: cannot be chosen
  choose: (on: boolean) => void;
  open: () => void;
  top: number;
}

function Row({ m, index, chosen, choose, open, top }: RowProps) {
  const { t } = useTranslation('wave');
  return (
    <div role="row" className="vrow" aria-rowindex={index + 2} style={{ transform: `translateY(${top}px)` }}>
      <div role="cell" className="c-check">
        {chosen !== null && (
          <input type="checkbox" checked={chosen} onChange={(e) => choose(e.target.checked)} aria-label={t('rows.choose', { name: m.mb_project_uuid })} />
        )}
      </div>
      <div role="cell" className="c-name">
        <button type="button" className="link" onClick={open} title={m.mb_project_uuid}>{m.mb_project_uuid}</button>
      </div>
      <div role="cell" className="c-target">{m.brz_project_id ?? <span className="muted">–</span>}</div>
      <div role="cell" className="c-status"><Status state={m.state} /></div>
      <div role="cell" className="c-domain">
        {m.brizy_project_domain ? (
          <Outside domain={m.brizy_project_domain} />
        ) : (
          <span className="muted">–</span>
        )}
      </div>
      <div role="cell" className="c-attempts">{m.attempts}</div>
      <div role="cell" className="c-finished"><Time at={m.completed_at} /></div>
      <div role="cell" className="c-error" title={m.error ?? undefined}>{m.error}</div>
    </div>
  );
}

function Head() {
  const { t } = useTranslation('wave');
  const names = ['check', 'name', 'target', 'status', 'domain', 'attempts', 'finished', 'error'];
  return (
    <div role="row" className="vrow vhead" aria-rowindex={1}>
      {names.map((name) => (
        <div key={name} role="columnheader" className={`c-${name}`}>
          {name === 'check' ? <span className="visually-hidden">{t('rows.column.check')}</span> : t(`rows.column.${name}`)}
        </div>
      ))}
    </div>
  );
}

interface Props {
  wave: WaveDetails;
  acts: ReturnType<typeof useWaveActs>;
  open: (project: string) => void;
}

export function WaveRows({ wave, acts, open }: Props) {
  const { t } = useTranslation('wave');
  const may = useMay('operator');
  const [status, setStatus] = useParam('status');
  const [text, setText] = useParam('q');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const counted = useStatusCounts(wave.id).data;
  const filter: RowFilter = { status: status as MigrationStatus | '', text: text.trim() };

  const choose = (name: string, on: boolean) =>
    setChosen((before) => toggled(before, name, on));
  const restart = async () => {
    await acts.restart(wave, [...chosen]);
    setChosen(new Set());
  };

  return (
    <section className="card table-card" aria-label={t('rows.title')}>
      <div className="card-head">
        <Choices
          label={t('rows.filter')}
          value={status}
          onChange={setStatus}
          choices={statuses.map((s) => ({
            value: s as string,
            label: s ? t(`common:state.${states[s] ?? s}`) : t('common:all'),
            count: counted && number(counted[s || 'total']),
          }))}
        />
        <Search label={t('rows.search')} value={text} onChange={setText} />
      </div>
      {chosen.size > 0 && (
        <div className="chosen" role="status">
          <span>{t('rows.chosen', { count: chosen.size, n: number(chosen.size) })}</span>
          <Button icon={RotateCcw} disabled={acts.busy} onClick={() => void restart()}>{t('rows.restart')}</Button>
          <Button look="quiet" onClick={() => setChosen(new Set())}>{t('rows.clear')}</Button>
        </div>
      )}
      <Body
        key={`${status}:${filter.text}`}
        id={wave.id}
        filter={filter}
        known={filter.text ? null : (counted?.[filter.status || 'total'] ?? (filter.status ? 0 : wave.progress.total))}
        canChoose={may}
        chosen={chosen}
        choose={choose}
        open={open}
        clear={() => {
          setStatus('');
          setText('');
        }}
      />
    </section>
  );
}

interface BodyProps {
  id: string;
  filter: RowFilter;
  known: number | null;
  canChoose: boolean;
  chosen: ReadonlySet<string>;
  choose: (name: string, on: boolean) => void;
  open: (project: string) => void;
  clear: () => void;
}

function Body({ id, filter, known, canChoose, chosen, choose, open, clear }: BodyProps) {
  const { t } = useTranslation('wave');
  const box = useRef<HTMLDivElement>(null);
  const narrow = useMedia('(max-width: 820px)');
  const height = narrow ? ROW_NARROW_PX : ROW_PX;
  const [range, setRange] = useState({ first: 0, last: 30 });
  const rows = useRows(id, filter, range.first, range.last, known);
  const shown = Math.min(rows.total, Math.floor(HEIGHT_MAX_PX / height));
  const virtual = useVirtualizer({
    count: shown,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 8,
    onChange: (v) => {
      const first = v.range?.startIndex ?? 0;
      const last = v.range?.endIndex ?? 30;
      setRange((now) => (now.first === first && now.last === last ? now : { first, last }));
    },
  });

  if (rows.error && !rows.at(range.first)) return <div className="card-body"><Problem error={rows.error} retry={rows.retry} /></div>;
  if (!rows.pending && rows.total === 0)
    return filter.status || filter.text ? (
      <Empty icon={SearchX} title={t('rows.none')} action={<Button onClick={clear}>{t('rows.showAll')}</Button>}>
        {t('rows.noneText')}
      </Empty>
    ) : (
      <Empty icon={ListChecks} title={t('rows.empty')}>{t('rows.emptyText')}</Empty>
    );
  return (
    <>
      <div className="vtable" role="table" aria-label={t('rows.title')} aria-rowcount={rows.total + 1} ref={box} tabIndex={0}>
        <div role="rowgroup" className="vtop"><Head /></div>
        <div role="rowgroup" className="vbody" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const m = rows.at(item.index);
            if (!m) return <div key={item.index} role="row" className="vrow waiting" style={{ transform: `translateY(${item.start}px)` }}><div role="cell" className="skeleton" /></div>;
            const can = canChoose && isOver(m);
            return (
              <Row
                key={item.index}
                m={m}
                index={item.index}
                top={item.start}
                chosen={can || chosen.has(m.mb_project_uuid) ? chosen.has(m.mb_project_uuid) : null}
                choose={(on) => choose(m.mb_project_uuid, on)}
                open={() => open(m.mb_project_uuid)}
              />
            );
          })}
        </div>
      </div>
      {shown < rows.total && <div className="table-foot">{t('rows.cut', { count: shown, n: number(shown) })}</div>}
    </>
  );
}
