import { createRoot } from 'react-dom/client';
import { firstCheck } from './api/session';
import { App, loadFirstPage } from './app';
import { startI18n } from './i18n';
import { applyTheme } from './lib/theme';
import './style/base.css';
import './style/layout.css';
import './style/parts.css';
import './style/details.css';

applyTheme();
loadFirstPage();
void firstCheck();
void startI18n().then(() => createRoot(document.getElementById('root')!).render(<App />));
