import { openAiErrors, type ErrorShape } from '../http/error-shape.ts';
import { anthropicErrors } from './messages/errors.ts';

const messages = '/v1/messages';

/** How the API under this URL tells of errors: known before there is a route, for keys, sizes and methods that are wrong. */
export function errorShapeOf(url: string): ErrorShape {
  if (!url.startsWith(messages)) return openAiErrors;
  const next = url[messages.length];
  return next === undefined || next === '/' || next === '?' ? anthropicErrors : openAiErrors;
}
