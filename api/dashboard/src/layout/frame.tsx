// What stands around every page: navigation, whether events flow, theme, language, who is signed in.
import { CircleUser, Keyboard, LogOut } from 'lucide-react';
import { Suspense, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, Outlet, useLocation } from 'react-router-dom';
import { useFlow } from '../api/events';
import { signOut, useSession } from '../api/session';
import { useBehind } from '../lib/behind';
import { Button } from '../ui/button';
import { places } from './places';
import { useShortcuts } from './shortcuts';
import { ShortcutsHelp } from './shortcuts-help';
import { LanguageSwitch, ThemeSwitch } from './switches';

function Brand() {
  return (
    <Link to="/wave" className="brand">
      <img src="/favicon.svg" alt="" width={26} height={26} />
      wavefleet
    </Link>
  );
}

function Flow() {
  const { t } = useTranslation();
  const flow = useFlow();
  const behind = useBehind();
  const shown = flow === 'live' && behind ? 'behind' : flow;
  return (
    <div className="flow" data-flow={shown} role="status" title={t(`flow.${shown}Hint`)}>
      {t(`flow.${shown}`)}
    </div>
  );
}

function Who() {
  const { t } = useTranslation();
  const { user, byToken } = useSession();
  const role = user?.roles[0]?.name;
  return (
    <div className="nav-user">
      <CircleUser size={18} aria-hidden />
      <div>
        <strong>{user?.full_name || user?.username || t(byToken ? 'session.token' : 'session.open')}</strong>
        {role && <span className="muted">{t(`role.${role}`)}</span>}
      </div>
      <Button look="quiet" icon={LogOut} label={t('session.signOut')} onClick={() => void signOut()} />
    </div>
  );
}

function Nav({ help }: { help: () => void }) {
  const { t } = useTranslation();
  return (
    <nav className="nav" aria-label={t('nav.label')}>
      <Brand />
      <div className="nav-links">
        {places.map(({ to, key, icon: Icon }) => (
          <NavLink key={to} to={to}>
            <Icon size={18} aria-hidden />
            {t(`nav.${key}`)}
          </NavLink>
        ))}
      </div>
      <div className="nav-foot">
        <Flow />
        <div className="switches">
          <ThemeSwitch />
          <LanguageSwitch />
          <Button look="quiet" icon={Keyboard} label={t('shortcuts.title')} onClick={help} />
        </div>
        <Who />
      </div>
    </nav>
  );
}

function TopBar() {
  const { t } = useTranslation();
  return (
    <div className="topbar">
      <Brand />
      <div className="switches">
        <Flow />
        <ThemeSwitch />
        <LanguageSwitch />
        <Button look="quiet" icon={LogOut} label={t('session.signOut')} onClick={() => void signOut()} />
      </div>
    </div>
  );
}

/** A new page is announced by its focus, as a load would; a changed filter is not a new page. The focus is there
    before the page is seen: later it would be taken from whoever types at once. */
function usePageFocus() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useLayoutEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  return main;
}

export function Frame() {
  const { t } = useTranslation();
  const main = usePageFocus();
  const [helping, setHelping] = useState(false);
  useShortcuts(() => setHelping(true));
  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        {t('nav.skip')}
      </a>
      <Nav help={() => setHelping(true)} />
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <TopBar />
        <Suspense fallback={<p className="visually-hidden">{t('loading')}</p>}>
          <Outlet />
        </Suspense>
      </main>
      {helping && <ShortcutsHelp onClose={() => setHelping(false)} />}
    </div>
  );
}
