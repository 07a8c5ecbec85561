// The languages: one folder of JSON files each, one file for each page (its name is the namespace). Only
// the language in use is loaded. Plural forms are chosen by Intl.PluralRules (i18next does), numbers and
// times are written by Intl in format.ts.
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

export const languages = { en: 'English', ru: 'Русский' } as const;
export type Language = keyof typeof languages;

const KEY = 'wavefleet.language';
const loaders: Record<Language, () => Promise<{ default: Record<string, object> }>> = {
  en: () => import('./en'),
  ru: () => import('./ru'),
};

const isLanguage = (text: string | null): text is Language => text !== null && text in languages;

function preferred(): Language {
  const chosen = localStorage.getItem(KEY);
  if (isLanguage(chosen)) return chosen;
  return navigator.languages.map((l) => l.slice(0, 2)).find(isLanguage) ?? 'en';
}

async function load(language: Language) {
  const { default: texts } = await loaders[language]();
  for (const [namespace, keys] of Object.entries(texts)) i18next.addResourceBundle(language, namespace, keys);
  document.documentElement.lang = language;
}

export async function startI18n() {
  const language = preferred();
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    defaultNS: 'common',
    resources: {},
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
    showSupportNotice: false,
  });
  await load(language);
}

export async function setLanguage(language: Language) {
  localStorage.setItem(KEY, language);
  await load(language);
  await i18next.changeLanguage(language);
}
