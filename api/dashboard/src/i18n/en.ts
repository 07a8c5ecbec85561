import { bundle } from './bundle';

export default bundle(import.meta.glob<{ default: object }>('./en/*.json', { eager: true }));
