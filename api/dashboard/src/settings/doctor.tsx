// How the system is: what the API found when it looked, and how to mend what is not well.
import { RotateCw, Stethoscope } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useDoctor, useHealth } from '../api/settings';
import { Button } from '../ui/button';
import { Checks } from '../ui/checks';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';

export function Doctor() {
  const { t } = useTranslation('settings');
  const { data, error, isFetching, refetch } = useDoctor();
  const health = useHealth().data;
  return (
    <section className="card" aria-labelledby="doctor">
      <div className="card-head">
        <div>
          <h2 id="doctor">{t('doctor.title')}</h2>
          {health?.version && <p className="muted">wavefleet {health.version}</p>}
        </div>
        <Button icon={RotateCw} disabled={isFetching} onClick={() => void refetch()}>{t('doctor.again')}</Button>
      </div>
      {error && <div className="card-body"><Problem error={error} retry={() => void refetch()} /></div>}
      {data === undefined && !error && <div className="card-body"><div className="skeleton" /></div>}
      {data === null && <Empty icon={Stethoscope} title={t('doctor.none')}>{t('doctor.noneText')}</Empty>}
      {data && <Checks checks={data.checks} label={t('doctor.title')} />}
    </section>
  );
}
