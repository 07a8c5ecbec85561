// One migration of the wave: its facts, its log as it is written, its attempts, its result.
import { useQuery } from '@tanstack/react-query';
import { Ban, ExternalLink, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { useAgain } from '../api/again';
import { get, post, segment } from '../api/client';
import { useEvent, usePolling } from '../api/events';
import { isOver } from '../api/migrations';
import { useMay } from '../api/session';
import type { WaveDetails, WaveMigrationDetails } from '../api/types';
import { Button } from '../ui/button';
import { useConfirm } from '../ui/confirm';
import { Dialog } from '../ui/dialog';
import { JsonView } from '../ui/json-view';
import { LogView } from '../ui/log-view';
import { Problem } from '../ui/problem';
import { Status } from '../ui/status';
import { Tabs } from '../ui/tabs';
import { Time } from '../ui/time';
import { Timeline } from '../ui/timeline';
import { useToasts } from '../ui/toast';

const AGAIN_MS = 300;
const tabs = ['logs', 'attempts', 'result'] as const;
type TabKey = (typeof tabs)[number];

function useMigration(wave: string, project: string) {
  const path = `/api/waves/${segment(wave)}/migrations/${segment(project)}`;
  const key = ['wave-migration', wave, project];
  const query = useQuery({ queryKey: key, queryFn: () => get<WaveMigrationDetails>(path), refetchInterval: usePolling() });
  const again = useAgain(key, AGAIN_MS);
  useEvent('migrations', (event) => {
    if (event.items.some((item) => item.id === `m${query.data?.id}`)) again();
  });
  useEvent('reset', again);
  return { ...query, path, again };
}

function useActs(path: string, project: string, again: () => void) {
  const { t } = useTranslation('wave');
  const confirm = useConfirm();
  const toasts = useToasts();
  const run = async (verb: 'restart' | 'cancel') => {
    const yes = await confirm({
      title: t(`one.${verb}`, { name: project }),
      text: t(`one.${verb}Text`),
      action: t(`one.${verb}Action`),
      danger: verb === 'cancel',
    });
    if (!yes) return;
    try {
      await post(`${path}/${verb}`);
      toasts.done(t(`one.${verb}Done`, { name: project }));
    } catch (error) {
      toasts.failed(error);
    }
    again();
  };
  return { restart: () => void run('restart'), cancel: () => void run('cancel') };
}

function Summary({ m }: { m: WaveMigrationDetails }) {
  const { t } = useTranslation('wave');
  return (
    <>
      <dl className="facts">
        <div><dt>{t('rows.column.target')}</dt><dd>{m.brz_project_id ?? '–'}</dd></div>
        <div><dt>{t('rows.column.attempts')}</dt><dd>{t('one.attempts', { n: m.attempts, max: m.max_attempts })}</dd></div>
        <div><dt>{t('one.started')}</dt><dd><Time at={m.started_at} /></dd></div>
        <div><dt>{t('rows.column.finished')}</dt><dd><Time at={m.completed_at} /></dd></div>
        {m.due_at && <div><dt>{t('one.due')}</dt><dd><Time at={m.due_at} /></dd></div>}
        {m.worker_id !== null && <div><dt>{t('one.worker')}</dt><dd>{m.worker_id}</dd></div>}
      </dl>
      {m.error && <div className="problem"><div>{m.class && <><code>{m.class}</code> </>}{m.error}</div></div>}
    </>
  );
}

interface Props {
  wave: WaveDetails;
  project: string;
  onClose: () => void;
}

export function Drawer({ wave, project, onClose }: Props) {
  const { t } = useTranslation('wave');
  const may = useMay('operator');
  const [tab, setTab] = useState<TabKey>('logs');
  const { data: m, error, refetch, path, again } = useMigration(wave.id, project);
  const acts = useActs(path, project, again);
  return (
    <Dialog
      title={project}
      shape="drawer"
      onClose={onClose}
      head={m && <div className="drawer-state"><Status state={m.state} /> <Link to={`/migrations/m${m.id}`}>{t('one.whole')} <ExternalLink size={13} aria-hidden /></Link></div>}
      foot={may && m && (isOver(m)
        ? <Button look="primary" icon={RotateCcw} onClick={acts.restart}>{t('one.restartAction')}</Button>
        : <Button look="danger" icon={Ban} onClick={acts.cancel}>{t('one.cancelAction')}</Button>)}
    >
      <Problem error={error} retry={() => void refetch()} />
      {m && (
        <>
          <Summary m={m} />
          <Tabs label={t('one.tabs')} value={tab} onChange={setTab} tabs={tabs.map((key) => ({ key, label: t(`one.${key}Tab`) }))}>
            {tab === 'logs' && <LogView key={m.id} path={`${path}/logs`} migration={`m${m.id}`} wave={wave.id} running={!isOver(m)} />}
            {tab === 'attempts' && <Timeline attempts={m.history} />}
            {tab === 'result' && <JsonView value={m.result_data} label={t('one.resultTab')} />}
          </Tabs>
        </>
      )}
    </Dialog>
  );
}
