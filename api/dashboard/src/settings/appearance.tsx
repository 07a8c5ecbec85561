import { useTranslation } from 'react-i18next';
import { type Language, languages, setLanguage } from '../i18n';
import { setTheme, themes, useTheme } from '../lib/theme';
import { Choices } from '../ui/field';

export function Appearance() {
  const { t, i18n } = useTranslation('settings');
  const theme = useTheme();
  return (
    <section className="card" aria-labelledby="appearance">
      <div className="card-head"><h2 id="appearance">{t('appearance.title')}</h2></div>
      <div className="card-body form">
        <p className="muted">{t('appearance.text')}</p>
        <div className="field">
          <span className="label">{t('appearance.theme')}</span>
          <Choices
            label={t('appearance.theme')}
            value={theme}
            onChange={setTheme}
            choices={themes.map((value) => ({ value, label: t(`appearance.${value}`) }))}
          />
        </div>
        <div className="field">
          <span className="label">{t('appearance.language')}</span>
          <Choices
            label={t('appearance.language')}
            value={i18n.language as Language}
            onChange={(language) => void setLanguage(language)}
            choices={Object.entries(languages).map(([value, label]) => ({ value: value as Language, label }))}
          />
        </div>
      </div>
    </section>
  );
}
