// What step() makes of each pair; a pair that is not here changes nothing.
// An edit here is an edit of the contract with daemon/lifecycle.
#pragma once

namespace holm::machine {

constexpr const char* state_table = R"(
scope Stopped:
    StartRequested     → Planning Plan PublishState
    PrepareRequested   → Planning Plan PublishState
    Planned            → Stopped Release
    SupervisorStarting → Booting PublishState
    Started            → Booting Register EmitNew PublishState
    Ready              → Running Register EmitNew PublishState
    Stopping           → Stopping PublishState
    FoundDead          → Stopped Release PublishState
    StopRequested      → Stopped StopDone
    TerminateRequested → Stopped StopDone
    RemoveRequested    → Stopped Release RemoveRecord
    RestartFailed      → Failed PublishState

scope Failed:
    StartRequested     → Planning Plan PublishState
    PrepareRequested   → Planning Plan PublishState
    Planned            → Failed Release
    SupervisorStarting → Booting PublishState
    Started            → Booting Register EmitNew PublishState
    Ready              → Running Register EmitNew PublishState
    Stopping           → Stopping PublishState
    StopRequested      → Failed StopDone
    TerminateRequested → Failed StopDone
    RemoveRequested    → Failed Release RemoveRecord

scope Planning:
    StartRequested     → Planning RefuseBusy
    PrepareRequested   → Planning RefusePrepare
    Planned            → Entering SpawnSupervisor StartScope
    PlanFailed         → Failed Release PublishState StartFailed
    UnitFailed         → Failed CancelPlan Release PublishState StartFailed
    StopRequested      → Stopped StartCanceled CancelPlan Release PublishState StopDone
    TerminateRequested → Stopped StartCanceled CancelPlan Release PublishState StopDone
    RemoveRequested    → Planning RefuseBusy
    Timeout            → Failed CancelPlan Release PublishState StartFailed

scope Entering:
    StartRequested     → Entering RefuseBusy
    PrepareRequested   → Entering RefusePrepare
    UnitStarted        → Booting Go
    UnitFailed         → Failed Terminate Release PublishState StartFailed
    Stopping           → Stopping PublishState
    Ended              → Stopped Release PublishState StartCanceled
    SupervisorLost     → Failed Terminate Release PublishState StartFailed
    StopRequested      → Stopping StartCanceled Terminate PublishState
    TerminateRequested → Stopping StartCanceled Terminate PublishState
    RemoveRequested    → Entering RefuseBusy
    Timeout            → Failed Terminate Release PublishState StartFailed

scope Booting:
    StartRequested     → Booting RefuseBusy
    PrepareRequested   → Booting RefusePrepare
    UnitFailed         → Failed Release PublishState StartFailed
    Started            → Booting Register EmitNew PublishState
    Ready              → Running Register EmitNew PublishState StartDone
    Stopping           → Stopping PublishState
    Ended              → Stopped Release PublishState StartCanceled
    SupervisorLost     → Failed Terminate Release PublishState StartFailed
    Frozen             → Booting PublishState
    StopRequested      → Stopping StartCanceled StopUnit PublishState
    TerminateRequested → Stopping StartCanceled Terminate PublishState
    RemoveRequested    → Booting RefuseBusy
    Timeout            → Stopping Terminate PublishState

scope Running:
    StartRequested     → Running RefuseBusy
    PrepareRequested   → Running RefusePrepare
    UnitFailed         → Failed Unregister EmitRemoved Release PublishState
    SupervisorStarting → Booting PublishState
    Stopping           → Stopping PublishState
    Ended              → Stopped Unregister EmitRemoved Release PublishState
    SupervisorLost     → Failed Terminate Unregister EmitRemoved Release PublishState
    Frozen             → Running PublishState
    StopRequested      → Stopping StopUnit PublishState
    TerminateRequested → Stopping Terminate PublishState
    RemoveRequested    → Running RefuseBusy

scope Stopping:
    StartRequested     → Stopping RefuseBusy
    PrepareRequested   → Stopping RefusePrepare
    UnitFailed         → Failed Unregister EmitRemoved Release PublishState StopDone
    Ended              → Stopped Unregister EmitRemoved Release PublishState StopDone
    SupervisorLost     → Failed Terminate Unregister EmitRemoved Release PublishState StopDone
    Frozen             → Stopping PublishState
    TerminateRequested → Stopping Terminate
    RemoveRequested    → Stopping RefuseBusy
    Timeout            → Stopping Terminate

service Stopped:
    StartRequested     → Asked StartService PublishState
    PrepareRequested   → Planning Plan PublishState
    Planned            → Stopped Release
    SupervisorStarting → Booting PublishState
    Started            → Booting Register EmitNew PublishState
    Ready              → Running Register EmitNew PublishState
    Stopping           → Stopping PublishState
    FoundDead          → Stopped Release PublishState
    StopRequested      → Stopped StopDone
    TerminateRequested → Stopped StopDone
    RemoveRequested    → Stopped Release RemoveRecord
    RestartFailed      → Failed PublishState

service Failed:
    StartRequested     → Asked StartService PublishState
    PrepareRequested   → Planning Plan PublishState
    Planned            → Failed Release
    SupervisorStarting → Booting PublishState
    Started            → Booting Register EmitNew PublishState
    Ready              → Running Register EmitNew PublishState
    Stopping           → Stopping PublishState
    StopRequested      → Failed StopDone
    TerminateRequested → Failed StopDone
    RemoveRequested    → Failed Release RemoveRecord

service Asked:
    StartRequested     → Asked RefuseBusy
    PrepareRequested   → Planning Plan PublishState
    UnitFailed         → Failed Release PublishState StartFailed
    StopRequested      → Stopping StartCanceled StopUnit PublishState
    TerminateRequested → Stopping StartCanceled Terminate PublishState
    RemoveRequested    → Asked RefuseBusy
    Timeout            → Stopping StopUnit PublishState

service Planning:
    StartRequested     → Planning RefuseBusy
    PrepareRequested   → Planning CancelPlan Plan
    Planned            → Booting AnswerPrepare
    PlanFailed         → Failed RefusePrepare Release PublishState StartFailed
    UnitFailed         → Failed CancelPlan RefusePrepare Release PublishState StartFailed
    StopRequested      → Stopping StartCanceled CancelPlan RefusePrepare StopUnit PublishState
    TerminateRequested → Stopping StartCanceled CancelPlan RefusePrepare Terminate PublishState
    RemoveRequested    → Planning RefuseBusy
    Timeout            → Failed CancelPlan RefusePrepare Release PublishState StartFailed

service Booting:
    StartRequested     → Booting RefuseBusy
    PrepareRequested   → Planning Release PublishState StartFailed Plan PublishState
    UnitFailed         → Failed Release PublishState StartFailed
    Started            → Booting Register EmitNew PublishState
    Ready              → Running Register EmitNew PublishState StartDone
    Stopping           → Stopping PublishState
    Ended              → Stopped Release PublishState StartCanceled
    SupervisorLost     → Failed Release PublishState StartFailed
    Frozen             → Booting PublishState
    StopRequested      → Stopping StartCanceled StopUnit PublishState
    TerminateRequested → Stopping StartCanceled Terminate PublishState
    RemoveRequested    → Booting RefuseBusy
    Timeout            → Stopping Terminate PublishState

service Running:
    StartRequested     → Running RefuseBusy
    PrepareRequested   → Planning Unregister EmitRemoved Release PublishState Plan PublishState
    UnitFailed         → Failed Unregister EmitRemoved Release PublishState
    SupervisorStarting → Booting PublishState
    Stopping           → Stopping PublishState
    Ended              → Stopped Unregister EmitRemoved Release PublishState
    SupervisorLost     → Failed Unregister EmitRemoved Release PublishState
    Frozen             → Running PublishState
    StopRequested      → Stopping StopUnit PublishState
    TerminateRequested → Stopping Terminate PublishState
    RemoveRequested    → Running RefuseBusy

service Stopping:
    StartRequested     → Stopping RefuseBusy
    PrepareRequested   → Planning Unregister EmitRemoved Release PublishState StopDone Plan PublishState
    UnitFailed         → Failed Unregister EmitRemoved Release PublishState StopDone
    Ended              → Stopped Unregister EmitRemoved Release PublishState StopDone
    SupervisorLost     → Failed Unregister EmitRemoved Release PublishState StopDone
    Frozen             → Stopping PublishState
    TerminateRequested → Stopping Terminate
    RemoveRequested    → Stopping RefuseBusy
    Timeout            → Stopping Terminate
)";

}  // namespace holm::machine
