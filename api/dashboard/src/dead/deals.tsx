// Restarting and discarding dead letters. Of many, the API is asked first how many there are, of which waves
// and classes; what it then refused is said.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type DeadLetter, type Deal, deal, type DealVerb, type Wish } from '../api/dead';
import { number } from '../i18n/format';
import { useConfirm } from '../ui/confirm';
import { useToasts } from '../ui/toast';

const REASONS = 5;

function Preview({ verb, found }: { verb: DealVerb; found: Deal }) {
  const { t } = useTranslation('dead');
  const counts = new Map<string, number>();
  for (const wave of found.waves)
    for (const [name, n] of Object.entries(wave.classes ?? {})) counts.set(name, (counts.get(name) ?? 0) + n);
  return (
    <div className="preview">
      <p>
        <strong>{t(`ask.${verb}Count`, { count: found.matched, n: number(found.matched) })}</strong>{' '}
        {t('ask.waves', { count: found.waves.length, n: number(found.waves.length) })}
      </p>
      <ul>
        {[...counts].map(([name, n]) => (
          <li key={name}><span className="badge bad">{t(`class.${name}`)}</span> {number(n)}</li>
        ))}
      </ul>
      <p>{t(`ask.${verb}Text`)}</p>
      {found.left > 0 && <p>{t('ask.left', { count: found.left, n: number(found.left) })}</p>}
    </div>
  );
}

export function useDeals(after: () => void) {
  const { t } = useTranslation('dead');
  const client = useQueryClient();
  const confirm = useConfirm();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);

  const told = (verb: DealVerb, result: Deal) => {
    const count = result.restarted ?? result.discarded ?? 0;
    toasts.done(t(`done.${verb}`, { count, n: number(count) }));
    const { refused } = result;
    if (refused.length)
      toasts.failed(new Error(
        t('done.refused', { count: refused.length, n: number(refused.length), why: refused.slice(0, REASONS).map((r) => r.reason).join('; ') }),
      ));
  };
  const run = async (verb: DealVerb, wish: Wish) => {
    setBusy(true);
    try {
      told(verb, await deal(verb, wish));
      after();
    } catch (error) {
      toasts.failed(error);
    }
    setBusy(false);
    await client.invalidateQueries({ queryKey: ['dead'] });
  };
  const one = async (verb: DealVerb, letter: DeadLetter) => {
    const yes = await confirm({
      title: t(`ask.${verb}One`, { name: letter.mb_project_uuid }),
      text: t(`ask.${verb}OneText`),
      action: t(verb),
    });
    if (yes) await run(verb, { ids: [letter.ref] });
  };
  const many = async (verb: DealVerb, wish: Wish, narrowed: boolean) => {
    const yes = await confirm({
      title: t(narrowed ? `ask.${verb}` : `ask.${verb}All`),
      text: async () => <Preview verb={verb} found={await deal(verb, wish, true)} />,
      action: t(verb),
      danger: verb === 'discard',
    });
    if (yes) await run(verb, wish);
  };
  return { busy, one, many };
}

export type Deals = ReturnType<typeof useDeals>;
