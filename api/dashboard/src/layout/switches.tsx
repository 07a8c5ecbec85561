import { Languages, Monitor, Moon, Sun } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type Language, languages, setLanguage } from '../i18n';
import { setTheme, themes, useTheme } from '../lib/theme';
import { Button } from '../ui/button';

const icons = { system: Monitor, light: Sun, dark: Moon };

export function ThemeSwitch() {
  const { t } = useTranslation();
  const now = useTheme();
  const next = themes[(themes.indexOf(now) + 1) % themes.length]!;
  return <Button look="quiet" icon={icons[now]} label={t('theme.switch', { theme: t(`theme.${now}`) })} onClick={() => setTheme(next)} />;
}

export function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  const all = Object.keys(languages) as Language[];
  const next = all[(all.indexOf(i18n.language as Language) + 1) % all.length]!;
  return (
    <Button look="quiet" icon={Languages} label={t('language.switch', { language: languages[next] })} onClick={() => void setLanguage(next)} />
  );
}
