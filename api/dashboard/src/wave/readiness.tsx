// What keeps a wave from running, or would: shown before it runs and while it is held, and only where
// something is not well.
import { useTranslation } from 'react-i18next';
import { useReadiness } from '../api/settings';
import type { Wave } from '../api/types';
import { Checks } from '../ui/checks';

const held = ['planning', 'ready', 'paused'];

function Findings({ id }: { id: string }) {
  const { t } = useTranslation('wave');
  const wrong = useReadiness(id).data?.checks.filter((c) => c.status !== 'ok') ?? [];
  if (!wrong.length) return null;
  return (
    <section className="card" aria-label={t('readiness')}>
      <div className="card-head"><h2>{t('readiness')}</h2></div>
      <Checks checks={wrong} label={t('readiness')} />
    </section>
  );
}

export function Readiness({ wave }: { wave: Wave }) {
  return held.includes(wave.state) ? <Findings id={wave.id} /> : null;
}
