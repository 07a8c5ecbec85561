// Asks before work is stopped or repeated. `await confirm({…})` is true when the person agreed. The
// question says how many it touches; `count` may come later, where the API has to be asked first.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { Dialog } from './dialog';
import { Problem } from './problem';

export interface Question {
  title: string;
  /** What will happen, with the number that it touches. */
  text: ReactNode | (() => Promise<ReactNode>);
  /** The verb of the button. */
  action: string;
  danger?: boolean;
}

type Ask = (question: Question) => Promise<boolean>;

const Context = createContext<Ask>(async () => false);

export const useConfirm = () => useContext(Context);

function Asked({ question, answer }: { question: Question; answer: (yes: boolean) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState<ReactNode>(typeof question.text === 'function' ? null : question.text);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    if (typeof question.text === 'function') question.text().then(setText, setError);
  }, [question]);
  return (
    <Dialog
      title={question.title}
      shape="narrow"
      onClose={() => answer(false)}
      foot={
        <>
          <Button data-autofocus={question.danger || undefined} onClick={() => answer(false)}>{t('cancel')}</Button>
          <Button look={question.danger ? 'danger primary' : 'primary'} disabled={text === null} data-autofocus={!question.danger || undefined} onClick={() => answer(true)}>
            {question.action}
          </Button>
        </>
      }
    >
      <Problem error={error} />
      {text === null && !error ? <div className="skeleton" /> : <div>{text}</div>}
    </Dialog>
  );
}

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<{ question: Question; answer: (yes: boolean) => void } | null>(null);
  const ask = useCallback<Ask>(
    (question) =>
      new Promise((resolve) => {
        setAsked({ question, answer: (yes) => (setAsked(null), resolve(yes)) });
      }),
    [],
  );
  return (
    <Context value={ask}>
      {children}
      {asked && <Asked {...asked} />}
    </Context>
  );
}
