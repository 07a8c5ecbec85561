// One wave: how far it is, what can be done with it, and each of its migrations.
import { ChevronLeft, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router-dom';
import { useInterest } from '../api/events';
import { useWave } from '../api/waves';
import { Page } from '../layout/page';
import { useParam } from '../lib/url';
import '../style/wave.css';
import { Problem } from '../ui/problem';
import { Status } from '../ui/status';
import { Controls } from '../wave/controls';
import { Drawer } from '../wave/drawer';
import { Facts } from '../wave/facts';
import { Happened } from '../wave/happened';
import { Live } from '../wave/live';
import { Readiness } from '../wave/readiness';
import { WaveRows } from '../wave/rows';
import { Throughput } from '../wave/throughput';
import { useWaveActs } from '../waves/acts';

export default function Wave() {
  const { t } = useTranslation('wave');
  const { id = '' } = useParams();
  const [project, setProject] = useParam('m');
  const { data: wave, error, refetch } = useWave(id);
  const acts = useWaveActs();
  useInterest({ wave: id });

  const back = <Link to="/wave" className="back"><ChevronLeft size={15} aria-hidden />{t('waves:title')}</Link>;
  if (!wave)
    return (
      <Page title={t('title')} heading={<>{back}<h1>{t('title')}</h1></>}>
        {error ? <Problem error={error} retry={() => void refetch()} /> : <div className="card waiting-card"><div className="skeleton" /></div>}
      </Page>
    );
  return (
    <Page
      title={wave.name}
      heading={<>{back}<div className="title"><h1 className="clamped" title={wave.name}>{wave.name}</h1><Status state={wave.state} /></div></>}
      actions={<Controls wave={wave} acts={acts} />}
    >
      {error && <Problem error={error} retry={() => void refetch()} />}
      {wave.note && <div className="notice"><TriangleAlert size={18} aria-hidden /><div>{wave.note}</div></div>}
      <Readiness wave={wave} />
      <div className="wave-grid">
        <Live wave={wave} />
        <Throughput wave={wave} />
        <Facts wave={wave} />
        <Happened id={id} />
      </div>
      <WaveRows wave={wave} acts={acts} open={setProject} />
      {project && <Drawer wave={wave} project={project} onClose={() => setProject('')} />}
    </Page>
  );
}
