import { router, type common } from '@flotilla/contracts';
import { RpcController, type CallContext, type Handlers } from '@flotilla/rpc';
import type { Override } from './registry/override.ts';
import { RegistryAdmin } from './registry/registry-admin.ts';

@RpcController(router.RegistryDefinition)
export class RegistryRpc implements Handlers<typeof router.RegistryDefinition> {
  readonly #admin: RegistryAdmin;

  constructor(admin: RegistryAdmin) {
    this.#admin = admin;
  }

  listProviders(
    { provider, refresh }: router.ListProvidersRequest,
    { signal }: CallContext,
  ): Promise<router.ProviderList> {
    return this.#admin.listProviders(provider, refresh, signal);
  }

  async describeRegistry(): Promise<router.RegistryDescription> {
    return { json: JSON.stringify(await this.#admin.describe()) };
  }

  async listOverrides(): Promise<router.OverrideList> {
    const overrides = await this.#admin.overrides();
    return { overrides: overrides.map(overrideMessage) };
  }

  async setOverride(request: router.SetOverrideRequest): Promise<router.Override> {
    const { kind, name, definitionJson, caller } = request;
    return overrideMessage(await this.#admin.set(kind, name, definitionJson, nameOf(caller)));
  }

  async deleteOverride({ kind, name }: router.DeleteOverrideRequest): Promise<router.DeleteOverrideResponse> {
    return { existed: await this.#admin.delete(kind, name) };
  }

  async purgeCache({ orgId, model }: router.PurgeCacheRequest): Promise<router.PurgeCacheResponse> {
    return { deleted: await this.#admin.purge(orgId, model) };
  }
}

/** Who an audit says it was. */
function nameOf(caller: common.Caller | undefined): string {
  return caller?.keyId || caller?.userId || '';
}

function overrideMessage({ kind, name, definition, updatedAt, updatedBy }: Override): router.Override {
  return { kind, name, definitionJson: JSON.stringify(definition), updatedAt, updatedBy };
}
