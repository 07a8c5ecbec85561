// The migration server's own log, as it answers when it is asked.
import { RotateCw, ScrollText } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type MigrationDetails, useServerLog } from '../api/migrations';
import { Button } from '../ui/button';
import { Empty } from '../ui/empty';
import { Problem } from '../ui/problem';

export function ServerLog({ m }: { m: MigrationDetails }) {
  const { t } = useTranslation('migration');
  const { data, error, isFetching, refetch } = useServerLog(m.ref);
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (!data) return <div className="skeleton" />;
  const again = <Button icon={RotateCw} disabled={isFetching} onClick={() => void refetch()}>{t('serverLog.again')}</Button>;
  const lines = data.server_log ?? [];
  if (!lines.length)
    return (
      <Empty icon={ScrollText} title={t('serverLog.empty')} action={again}>
        {data.server_error ?? t('serverLog.emptyText')}
      </Empty>
    );
  return (
    <div className="panel">
      <div className="json"><pre tabIndex={0} aria-label={t('tab.serverLog')}>{lines.join('\n')}</pre></div>
      <div>{again}</div>
    </div>
  );
}
