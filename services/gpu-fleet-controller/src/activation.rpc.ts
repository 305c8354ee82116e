import { Inject } from '@nestjs/common';
import { fleet } from '@flotilla/contracts';
import { RpcController, type CallContext, type Handlers } from '@flotilla/rpc';
import { autostartMessage, engineMessage } from './fleet-messages.ts';
import { Fleet } from './fleet.ts';

@RpcController(fleet.ActivationDefinition)
export class ActivationRpc implements Handlers<typeof fleet.ActivationDefinition> {
  constructor(@Inject(Fleet) private readonly fleet: Fleet) {}

  async activate({ provider, model, inUse }: fleet.ActivateRequest, { signal }: CallContext): Promise<fleet.Engine> {
    if (inUse) return engineMessage(this.fleet.used(provider, model));
    return engineMessage(await this.fleet.activate(provider, model, signal));
  }

  async getAutostart(): Promise<fleet.Autostart> {
    return autostartMessage(this.fleet.autostart());
  }
}
