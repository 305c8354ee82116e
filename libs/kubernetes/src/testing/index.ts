export { kubeApiContract, type ContractCase } from './kube-api.contract.ts';
export {
  createMemoryApi,
  type InterceptedCall,
  type Interceptor,
  type MemoryApi,
  type MemoryApiOptions,
} from './memory-api.ts';
