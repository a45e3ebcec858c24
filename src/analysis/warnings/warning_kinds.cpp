/// @file
/// The words of warnings, and what each means.

#include <array>

#include "wishart/analysis/warnings.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/row_warnings.hpp"

namespace wishart::analysis {
namespace {

constexpr std::array kKinds{
    WarningKind{"error",
                "These layers could not be computed. See the reason of each; remove the cause and "
                "run the scan again."},
    WarningKind{"nonfinite",
                "These layers hold NaN or infinite elements: the checkpoint is damaged or training "
                "diverged. Do not use it."},
    WarningKind{
        kAllZero,
        "All elements are zero. That comes from a damaged or unfinished file, or from layers "
        "that begin as zeros and were never trained."},
    WarningKind{kAdapterDominates,
                "The adapter's change is more than twice as large as the weights that it is added "
                "to. The usual causes are a learning rate that is far too high, and a wrong base."},
    WarningKind{kAdapterCollapsed,
                "The adapter's effective rank is nearer to 1 than to r: nearly all of the change "
                "is in a few directions. The usual cause is a learning rate that is too high; or a "
                "smaller r would do."},
    WarningKind{kAdapterZero,
                "The adapter changes nothing: B is still zero, so nothing was learned."},
    WarningKind{kFitFailed,
                "No power law could be fitted: too few eigenvalues above the floor, or all equal."},
    WarningKind{kRankCollapse,
                "More than half of the singular values are zero within the resolution of the "
                "method."},
    WarningKind{kRankDeficient,
                "Some of the singular values are zero: rows or columns that are zero, or copies of "
                "each other. Other matrices of the same shape have full rank, or all of the role "
                "lack the same simple share of theirs, as where a shard was written twice. So it "
                "is right in layers that were pruned."},
    WarningKind{
        kUnlikePast,
        "A sudden change since the checkpoint before. If many layers have it, training is "
        "unstable: look at the loss and the learning rate, and go back to that checkpoint."},
    WarningKind{
        kLikeNoise,
        "The spectrum is that of independent random elements. Right before training and in frozen "
        "layers, and possible in layers trained by Muon; otherwise the layer has learned nothing, "
        "was not loaded, or its elements were shuffled."},
    WarningKind{
        kUnlikeBlocks,
        "Far from all other layers of the same role and shape in this model. Check how this "
        "layer was loaded, merged, quantised or initialised."},
    WarningKind{kUnusual,
                "Outside of 99 % of the layers of the same role and size in public models. That is "
                "no proof of a fault: compare with other checkpoints of the model."},
    WarningKind{kSmallTailWarning,
                "Fewer than 20 eigenvalues in the tail: alpha is uncertain by more than 20 %.",
                true},
    WarningKind{
        kNoTail,
        "The spectrum has no power-law tail, like that of an orthogonal matrix. alpha would "
        "be meaningless, so it is left out, also of means. This is not a fault in itself.",
        true},
};

}  // namespace

std::span<const WarningKind> warning_kinds() { return kKinds; }

}  // namespace wishart::analysis
