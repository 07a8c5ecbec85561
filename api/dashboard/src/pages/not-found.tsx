import { MapPinOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { Page } from '../layout/page';
import { Empty } from '../ui/empty';

export default function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t('notFound.title')}>
      <div className="card">
        <Empty icon={MapPinOff} title={t('notFound.title')} action={<Link to="/wave">{t('notFound.action')}</Link>}>
          {t('notFound.text')}
        </Empty>
      </div>
    </Page>
  );
}
