// Settings: what starts use where nothing else says, how the dashboard looks, and how the system is.
import { useTranslation } from 'react-i18next';
import { useMay } from '../api/session';
import { Page } from '../layout/page';
import { Appearance } from '../settings/appearance';
import { Doctor } from '../settings/doctor';
import { Source } from '../settings/source';
import '../style/forms.css';
import '../style/settings.css';

export default function Settings() {
  const { t } = useTranslation('settings');
  const may = useMay('operator'); // who may see how the system is built
  return (
    <Page title={t('title')}>
      <div className="settings-grid">
        <Source />
        <Appearance />
      </div>
      {may && <Doctor />}
    </Page>
  );
}
