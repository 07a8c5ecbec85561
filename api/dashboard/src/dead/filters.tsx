import { useTranslation } from 'react-i18next';
import { classes, useFailedWaves } from '../api/dead';
import { Choices } from '../ui/field';
import { Search } from '../ui/search';

type Param = [string, (value: string) => void];

const spans: Record<string, number> = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 };
const STEP_MS = 60_000;

/** The moment so long ago, to the minute: a filter that changed with each look would be another list each time. */
export function sinceOf(span: string, now = Date.now()): string {
  const ms = spans[span];
  return ms ? new Date(Math.floor((now - ms) / STEP_MS) * STEP_MS).toISOString() : '';
}

function Select({ label, value: [value, set], options }: { label: string; value: Param; options: [string, string][] }) {
  return (
    <select className="input select" aria-label={label} value={value} onChange={(e) => set(e.target.value)}>
      {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
    </select>
  );
}

interface Props {
  text: Param;
  kind: Param;
  wave: Param;
  span: Param;
  show: Param;
}

export function Filters({ text, kind, wave, span, show }: Props) {
  const { t } = useTranslation('dead');
  const { data } = useFailedWaves();
  const waves = (data ?? []).map((w): [string, string] => [w.id, w.name]);
  if (wave[0] && !waves.some(([id]) => id === wave[0])) waves.push([wave[0], wave[0]]);
  return (
    <div className="toolbar">
      <Search label={t('search')} value={text[0]} onChange={text[1]} />
      <Select label={t('filter.class')} value={kind} options={[['', t('filter.anyClass')], ...classes.map((c): [string, string] => [c, t(`class.${c}`)])]} />
      <Select label={t('filter.wave')} value={wave} options={[['', t('filter.anyWave')], ...waves]} />
      <Select
        label={t('filter.since')}
        value={span}
        options={[['', t('filter.anyTime')], ...Object.keys(spans).map((s): [string, string] => [s, t(`filter.${s}`)])]}
      />
      <Choices
        label={t('filter.show')}
        value={show[0]}
        onChange={show[1]}
        choices={[{ value: '', label: t('filter.open') }, { value: 'discarded', label: t('filter.discarded') }]}
      />
    </div>
  );
}
