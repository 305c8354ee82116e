import { invalid } from '../../chat/invalid.ts';

const loneSurrogate = /\p{Surrogate}/u;

/** Throws `invalid_request` for text that PostgreSQL cannot keep, with the path of its field. */
export function checkText(value: unknown, path = ''): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || loneSurrogate.test(value)) {
      throw invalid(path, `Invalid '${path}': it holds a NUL character or half of a surrogate pair.`);
    }
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => checkText(item, `${path}[${index}]`));
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) checkText(item, path === '' ? name : `${path}.${name}`);
  }
}
