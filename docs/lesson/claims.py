"""The lesson's claims in our words, what would bear each out, and what to do about it."""

from docs.lesson.evidence import Claim, Evidence, figure, gain, less

MARGIN = 0.01
"""What is called no loss: a hundredth of accuracy, of rmse or of mean average precision."""

CLAIMS = (
    Claim(
        "The range test finds a rate about as good as the best: `valley`",
        [
            Evidence(
                "lr", "pets", less(figure("regret valley")), "accuracy beside the best rate", -0.02
            ),
            Evidence(
                "lr", "movielens", less(figure("regret valley")), "rmse beside the best rate", -0.02
            ),
        ],
        "pictures: `lr: find`, by `lr_find: {suggestion: valley}`, the default; "
        "ratings: `lr: 5e-3`",
    ),
    Claim(
        "A tenth of the rate at the least loss is a good rate: `minimum`",
        [
            Evidence(
                "lr", "pets", less(figure("regret minimum")), "accuracy beside the best rate", -0.02
            ),
            Evidence(
                "lr",
                "movielens",
                less(figure("regret minimum")),
                "rmse beside the best rate",
                -0.02,
            ),
        ],
        "nothing: `valley` serves as well, and lower",
    ),
    Claim(
        "The steepest point of the curve is a good rate: `steep`",
        [
            Evidence(
                "lr", "pets", less(figure("regret steep")), "accuracy beside the best rate", -0.02
            ),
            Evidence(
                "lr", "movielens", less(figure("regret steep")), "rmse beside the best rate", -0.02
            ),
        ],
        "not `lr_find: {suggestion: steep}` where the curve begins flat",
    ),
    Claim(
        "Training from ImageNet's weights beats training from scratch",
        [
            Evidence("transfer", "pets", figure("gain over scratch"), "accuracy over scratch"),
            Evidence(
                "transfer",
                "pets",
                figure("gain over scratch, 3 times as long"),
                "accuracy over scratch, 3 times as long",
            ),
        ],
        "`learner: {weights: imagenet}`",
    ),
    Claim(
        "Unfreezing after a frozen phase gains over the head alone",
        [
            Evidence("transfer", "pets", figure("gain over frozen only"), "accuracy"),
        ],
        "`train: {unfrozen: {epochs: …}}`: a few, and the study `transfer`",
    ),
    Claim(
        "A frozen phase first gains over unfreezing at once",
        [
            Evidence("transfer", "pets", figure("gain over unfrozen at once"), "accuracy"),
        ],
        "`train: {frozen: {epochs: …}}`: it is the cheaper way to the same",
    ),
    Claim(
        "Discriminative rates, low for early layers, beat a single one",
        [
            Evidence("rates", "pets", figure("spread over best single"), "accuracy"),
        ],
        "`train: {unfrozen: {lr: [low, high]}}`, or `find`",
    ),
    Claim(
        "Choose epochs by the metric: it goes on improving where the loss no longer does",
        [
            Evidence(
                "epochs",
                "pets",
                figure("later epoch over least loss epoch"),
                "accuracy on valid, best later epoch over the one of least loss",
            ),
            Evidence(
                "epochs",
                "pascal",
                figure("later epoch over least loss epoch"),
                "mAP on valid, best later epoch over the one of least loss",
            ),
        ],
        "`python -m tasks study epochs`, not the least loss",
    ),
    Claim(
        "A fresh cycle of the chosen length loses nothing to the long one",
        [
            Evidence("epochs", "pets", figure("fresh over long, test"), "accuracy", -MARGIN),
            Evidence("epochs", "pascal", figure("fresh over long, test"), "mAP", -MARGIN),
        ],
        "`train: {unfrozen: {epochs: …}}` by the study",
    ),
    Claim(
        "One cycle beats a flat rate",
        [
            Evidence("schedule", "pets", less(gain("flat")), "accuracy"),
            Evidence("schedule", "movielens", less(gain("flat")), "rmse"),
        ],
        "`schedule: one_cycle`, the default",
    ),
    Claim(
        "One cycle beats Smith's earlier cycles: triangular, triangular2, exp_range",
        [
            Evidence("schedule", "pets", less(gain("triangular")), "accuracy over triangular"),
            Evidence("schedule", "pets", less(gain("triangular2")), "accuracy over triangular2"),
            Evidence("schedule", "pets", less(gain("exp_range")), "accuracy over exp_range"),
            Evidence("schedule", "movielens", less(gain("triangular2")), "rmse over triangular2"),
        ],
        "`schedule: one_cycle`, the default",
    ),
    Claim(
        "A larger architecture is better",
        [
            Evidence(
                "arch",
                "pets",
                figure("gain timm:tf_efficientnet_lite0 over squeezenet1_1"),
                "accuracy, EfficientNet-Lite0 over SqueezeNet",
            ),
        ],
        "try by `python -m tasks study arch`; `learner: {arch: …}`",
    ),
    Claim(
        "Half precision costs no score",
        [Evidence("precision", "pets", figure("gain bf16"), "accuracy, bf16 over fp32", -MARGIN)],
        "`learner: {precision: auto}`, the default",
    ),
    Claim(
        "Half precision saves time",
        [
            Evidence(
                "precision",
                "pets",
                less(figure("time bf16"), 1.0),
                "of fp32's time saved by bf16 on a CPU",
            )
        ],
        "`learner: {precision: auto}`: bf16 only where the device has it",
    ),
    Claim(
        "A threshold chosen on valid by a sweep does not overfit: the curve is smooth",
        [
            Evidence(
                "threshold",
                "pascal",
                less(figure("choosing_accuracy_multi")),
                "accuracy_multi lost to choosing",
                -MARGIN,
            ),
            Evidence(
                "threshold",
                "pascal",
                less(figure("choosing_f1_macro")),
                "macro F1 lost to choosing",
                -MARGIN,
            ),
        ],
        "`calibrate: {aim: …}`; `exact: true` overfits more",
    ),
    Claim(
        "A threshold chosen by the metric beats .5",
        [
            Evidence(
                "threshold",
                "pascal",
                figure("parted_gain_sweep_accuracy_multi"),
                "accuracy_multi of the sweep's choice over .5, middle 95 % of partings,",
            ),
            Evidence(
                "threshold",
                "pascal",
                figure("parted_gain_sweep_f1_macro"),
                "macro F1 of the sweep's choice over .5, middle 95 % of partings,",
            ),
        ],
        "`calibrate: {aim: f1_macro}`; accuracy_multi rewards silence",
    ),
    Claim(
        "Binary cross-entropy tells a photo of something else (no label) better than softmax",
        [
            Evidence("none", "pets", figure("auroc_gain"), "AUROC over softmax"),
            Evidence(
                "none", "pets", figure("roc_10_gain"), "unknown told at 10 % of known, over softmax"
            ),
        ],
        "softmax with `calibrate: {max_error: …}`, unless unknowns matter",
    ),
    Claim(
        "Frames of one person on both sides of a split flatter the score",
        [Evidence("split_worth", "biwi", figure("flattery"), "MSE lower by a random split")],
        "`split: {by: group}`",
    ),
    Claim(
        "The bias of users and items helps a recommender",
        [
            Evidence(
                "baselines", "movielens", figure("asked_over_dot"), "rmse of dot_bias below dot's"
            ),
        ],
        "`learner: {arch: dot_bias}`",
    ),
    Claim(
        "Weight decay helps a recommender",
        [
            Evidence(
                "baselines",
                "movielens",
                figure("asked_over_no_decay"),
                "rmse of wd .1 below none's",
            ),
        ],
        "`learner: {wd: 0.1}`",
    ),
    Claim(
        "A sigmoid over the ratings' range helps a recommender",
        [
            Evidence("baselines", "movielens", figure("asked_over_no_range"), "rmse below none's"),
        ],
        "`learner: {y_range: [0, 5.5]}`",
    ),
    Claim(
        "Embeddings that learn beat the textbook's: biases, a truncated SVD, ALS",
        [
            Evidence("baselines", "movielens", figure("asked_over_biases"), "rmse below biases'"),
            Evidence("baselines", "movielens", figure("asked_over_svd"), "rmse below SVD's"),
            Evidence("baselines", "movielens", figure("asked_over_als"), "rmse below ALS's"),
        ],
        "`learner: {arch: dot_bias}`; better: `implicit` (patches/implicit.yaml)",
    ),
    Claim(
        "Deep layers on top of embeddings do not beat the product of factors",
        [
            Evidence(
                "baselines", "movielens", less(figure("neural_over_asked")), "rmse below neural's"
            )
        ],
        "`learner: {arch: dot_bias}`",
    ),
)
