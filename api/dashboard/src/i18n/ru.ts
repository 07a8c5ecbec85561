import { bundle } from './bundle';

export default bundle(import.meta.glob<{ default: object }>('./ru/*.json', { eager: true }));
