// What can be done with the wave as a whole.
import { FileDown, Gauge, Pause, Play, RotateCcw, Square } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay } from '../api/session';
import type { WaveDetails } from '../api/types';
import { counts } from '../api/waves';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/field';
import { canPause, canResume, canStop, type useWaveActs } from '../waves/acts';
import { Report } from './report';

type Acts = ReturnType<typeof useWaveActs>;

function BatchSize({ wave, acts, onClose }: { wave: WaveDetails; acts: Acts; onClose: () => void }) {
  const { t } = useTranslation('wave');
  const [size, setSize] = useState(String(wave.batch_size));
  const n = Number(size);
  const wrong = Number.isInteger(n) && n >= 1 && n <= 10_000 ? null : t('batch.wrong');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (wrong) return;
    void acts.change(wave, { batch_size: n });
    onClose();
  };
  return (
    <Dialog
      title={t('batch.title')}
      shape="narrow"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t('common:cancel')}</Button>
          <Button look="primary" type="submit" form="batch" disabled={!!wrong}>{t('batch.action')}</Button>
        </>
      }
    >
      <form id="batch" onSubmit={submit}>
        <Field label={t('fact.batchSize')} hint={t('batch.hint')} wrong={wrong}>
          {(c) => <input {...c} type="number" min={1} max={10_000} value={size} onChange={(e) => setSize(e.target.value)} data-autofocus />}
        </Field>
      </form>
    </Dialog>
  );
}

export function Controls({ wave, acts }: { wave: WaveDetails; acts: Acts }) {
  const { t } = useTranslation('wave');
  const may = useMay('operator');
  const [changing, setChanging] = useState(false);
  const [reporting, setReporting] = useState(false);
  const { failed, cancelled } = counts(wave);
  const live = canStop(wave);
  return (
    <>
      {may && canPause(wave) && <Button icon={Pause} disabled={acts.busy} onClick={() => void acts.pause(wave)}>{t('waves:act.pause')}</Button>}
      {may && canResume(wave) && (
        <Button look="primary" icon={Play} disabled={acts.busy} onClick={() => void acts.resume(wave)}>
          {t(wave.state === 'ready' ? 'waves:act.start' : 'waves:act.resume')}
        </Button>
      )}
      {may && live && <Button icon={Gauge} disabled={acts.busy} onClick={() => setChanging(true)}>{t('batch.button')}</Button>}
      {may && failed + cancelled > 0 && (
        <Button icon={RotateCcw} disabled={acts.busy} onClick={() => void acts.restart(wave, [])}>{t('restartAll')}</Button>
      )}
      {may && live && <Button look="danger" icon={Square} disabled={acts.busy} onClick={() => void acts.stop(wave)}>{t('waves:act.stop')}</Button>}
      <Button icon={FileDown} onClick={() => setReporting(true)}>{t('report.button')}</Button>
      {reporting && <Report wave={wave} onClose={() => setReporting(false)} />}
      {changing && <BatchSize wave={wave} acts={acts} onClose={() => setChanging(false)} />}
    </>
  );
}
