// A modal window: the browser's <dialog>, which keeps the focus inside, closes on Escape and gives the
// focus back. At first the focus is on the element with `data-autofocus`, else on the heading (`autoFocus` comes
// too early: before the dialog is shown nothing in it takes the focus).
import { X } from 'lucide-react';
import { type ReactNode, useLayoutEffect, useId, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';

interface Props {
  title: ReactNode;
  onClose: () => void;
  shape?: 'plain' | 'narrow' | 'drawer';
  head?: ReactNode;
  foot?: ReactNode;
  children: ReactNode;
}

export function Dialog({ title, onClose, shape = 'plain', head, foot, children }: Props) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      (dialog.querySelector<HTMLElement>('[data-autofocus]') ?? dialog.querySelector('h2'))?.focus();
    }
    return () => dialog?.close(); // while it is still in the document, or the focus is not given back
  }, []);
  return (
    <dialog
      ref={ref}
      className={shape === 'plain' ? 'dialog' : `dialog ${shape}`}
      aria-labelledby={heading}
      onCancel={(e) => {
        if (e.target !== ref.current) return; // somebody chose no file: that is told to all around the field
        e.preventDefault();
        onClose();
      }}
      onMouseDown={(e) => e.target === ref.current && onClose()}
    >
      <div className="dialog-frame">
        <div className="dialog-head">
          <div>
            <h2 id={heading} tabIndex={-1}>{title}</h2>
            {head}
          </div>
          <Button look="quiet" icon={X} label={t('close')} onClick={onClose} />
        </div>
        <div className="dialog-body">{children}</div>
        {foot && <div className="dialog-foot">{foot}</div>}
      </div>
    </dialog>
  );
}
