import { FlotillaError, isAuto, listsModel } from '@flotilla/kernel';
import type { Identity } from '../access/identity.ts';

/**
 * Whether a credential may ask for a model: by its name, or by a prefix that ends with `*`. No list: for every model.
 * `auto` is for all who may use some model: the router chooses among those of the list.
 */
export function mayUse({ models }: Pick<Identity, 'models'>, model: string): boolean {
  if (models === undefined) return true;
  return isAuto(model) ? models.length > 0 : listsModel(models, model);
}

/** Throws `permission_denied`, which names what may be asked for. */
export function requireModel(identity: Pick<Identity, 'models'>, model: string): void {
  if (mayUse(identity, model)) return;
  const may = identity.models!.length > 0 ? `It may use: ${identity.models!.join(', ')}.` : 'It may use none.';
  const message = `This credential may not use the model '${model}'. ${may}`;
  throw new FlotillaError('permission_denied', message, { details: { param: 'model' } });
}
