// What people do with one migration. The table says which act is possible when; each asks first.
import { useQueryClient } from '@tanstack/react-query';
import {
  Ban, CircleCheck, Eraser, FolderInput, LockOpen, type LucideIcon, OctagonX, RotateCcw, Undo2, Unplug,
} from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { act } from '../api/client';
import { isOver, type MigrationDetails } from '../api/migrations';
import { Button } from '../ui/button';
import { useConfirm } from '../ui/confirm';
import { useToasts } from '../ui/toast';
import { AddToWave } from './add-to-wave';
import { SetCompleted } from './set-completed';

const waits = (m: MigrationDetails) => m.state === 'blocked' || m.state === 'pending';
const underWay = (m: MigrationDetails) => m.state === 'running' || m.state === 'parked';

interface Act {
  key: string;
  icon: LucideIcon;
  call: ['POST' | 'DELETE', string];
  fits: (m: MigrationDetails) => boolean;
  body?: (m: MigrationDetails) => object;
  danger?: boolean;
  /** Something has to be filled in. */
  form?: 'complete' | 'add';
}

const acts: Act[] = [
  {
    key: 'restart',
    icon: RotateCcw,
    call: ['POST', 'restart'],
    fits: (m) => isOver(m) || m.state === 'retrying' || (m.state === 'pending' && m.wave.state === 'ready'),
  },
  { key: 'cancel', icon: Ban, call: ['POST', 'cancel'], fits: (m) => !isOver(m), danger: true },
  {
    key: 'kill',
    icon: OctagonX,
    call: ['POST', 'kill'],
    fits: (m) => !isOver(m),
    body: (m) => ({ force: waits(m) }),
    danger: true,
  },
  { key: 'unlock', icon: LockOpen, call: ['DELETE', 'lock'], fits: underWay, danger: true },
  { key: 'reset', icon: Undo2, call: ['POST', 'reset-status'], fits: (m) => m.state !== 'blocked' && !underWay(m) },
  { key: 'hardReset', icon: Unplug, call: ['POST', 'hard-reset'], fits: (m) => m.state !== 'blocked', danger: true },
  { key: 'complete', icon: CircleCheck, call: ['POST', 'set-completed'], fits: (m) => m.state !== 'running', form: 'complete' },
  { key: 'add', icon: FolderInput, call: ['POST', 'add-to-wave'], fits: () => true, form: 'add' },
  { key: 'uncache', icon: Eraser, call: ['DELETE', 'cache'], fits: (m) => m.kind === 'remote' },
];

const named = (key: string) => acts.find((a) => a.key === key)!;

export function useMigrationActs(m: MigrationDetails) {
  const { t } = useTranslation('migration');
  const client = useQueryClient();
  const confirm = useConfirm();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const name = m.mb_project_uuid;

  const send = async ({ key, call: [method, verb] }: Act, body?: object) => {
    setBusy(true);
    try {
      await act(method, `/api/migrations/${m.ref}/${verb}`, body);
      toasts.done(t(`act.${key}.done`, { name }));
    } catch (error) {
      toasts.failed(error);
    }
    setBusy(false);
    await Promise.all(
      ['migration', 'attempts', 'process', 'webhook'].map((of) => client.invalidateQueries({ queryKey: [of] })),
    );
  };
  const ask = async (a: Act) => {
    const yes = await confirm({
      title: t(`act.${a.key}.ask`, { name }),
      text: t(a.key === 'restart' && m.state === 'completed' ? 'act.restart.textCompleted' : `act.${a.key}.text`),
      action: t(`act.${a.key}.name`),
      danger: a.danger,
    });
    if (yes) await send(a, a.body?.(m));
  };
  return { busy, send, ask };
}

type Acts = ReturnType<typeof useMigrationActs>;

/** The two that are wanted most: again, or no more. */
export function MainActs({ m, acts: { busy, ask } }: { m: MigrationDetails; acts: Acts }) {
  const { t } = useTranslation('migration');
  const shown = [named('restart'), named('cancel')].filter((a) => a.fits(m));
  return shown.map((a) => (
    <Button
      key={a.key}
      icon={a.icon}
      look={a.danger ? 'danger' : 'primary'}
      disabled={busy}
      onClick={() => void ask(a)}
    >
      {t(`act.${a.key}.name`)}
    </Button>
  ));
}

/** All the others, with what each does, for when something is stuck or was done elsewhere. */
export function Repair({ m, acts: { busy, send, ask } }: { m: MigrationDetails; acts: Acts }) {
  const { t } = useTranslation('migration');
  const [form, setForm] = useState<Act | null>(null);
  const shown = acts.filter((a) => !['restart', 'cancel'].includes(a.key) && a.fits(m));
  const submit = (body: object) => {
    if (form) void send(form, body);
    setForm(null);
  };
  return (
    <section className="card" aria-labelledby="repair">
      <div className="card-head"><h2 id="repair">{t('repair')}</h2></div>
      <ul className="act-list">
        {shown.map((a) => (
          <li key={a.key}>
            <div>
              <h3>{t(`act.${a.key}.name`)}</h3>
              <p className="muted">{t(`act.${a.key}.hint`)}</p>
            </div>
            <Button
              icon={a.icon}
              look={a.danger ? 'danger' : 'plain'}
              aria-label={`${t(`act.${a.key}.name`)}: ${t('do')}`}
              disabled={busy}
              onClick={() => (a.form ? setForm(a) : void ask(a))}
            >
              {t('do')}
            </Button>
          </li>
        ))}
      </ul>
      {form?.form === 'complete' && <SetCompleted m={m} submit={submit} onClose={() => setForm(null)} />}
      {form?.form === 'add' && <AddToWave m={m} submit={submit} onClose={() => setForm(null)} />}
    </section>
  );
}
